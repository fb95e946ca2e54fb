package machine

import (
	"strings"

	"github.com/google/uuid"
)

// instances is the namespace that OpenTelemetry's conventions give for a service.instance.id
// that is made of something else.
var instances = uuid.MustParse("4d63009a-8d0f-11ee-aad7-4c796ed8e320")

// InstanceID is a service.instance.id that stays the same as long as all of these do: a
// machine's id and name, a service's name, and places of which a process of that machine has
// each for itself. It is "" where nothing would keep two processes apart: without a place,
// and on a machine without an id of its own, such as a container.
//
// The machine's name is there because images are copied with their machine id. None of it can
// be read from the result.
func InstanceID(machineID, name, service string, places []string) string {
	machineID = strings.TrimSpace(machineID)
	if len(places) == 0 || strings.Trim(machineID, "0-") == "" || machineID == "uninitialized" || machineID == "<unknown>" {
		return ""
	}
	return uuid.NewSHA1(instances, []byte(strings.Join(append([]string{machineID, name, service}, places...), "\x00"))).String()
}
