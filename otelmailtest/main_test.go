package otelmailtest_test

import (
	"flag"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // the tests wait for time to pass, not for a processor
	os.Exit(m.Run())
}
