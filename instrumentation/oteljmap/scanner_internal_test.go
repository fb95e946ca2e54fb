package oteljmap

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

type invocation struct{ name, value, id string }

// scan reads body in pieces of the given size.
func scan(list, property, body string, piece int) (all []invocation, value string) {
	var s scanner
	s.init(list, property)
	for b := range slices.Chunk([]byte(body), piece) {
		for len(b) > 0 {
			n, found := s.next(b)
			b = b[n:]
			if found {
				all = append(all, invocation{string(s.name), string(s.value), string(s.id)})
			}
		}
	}
	return all, string(s.value)
}

func TestScannerReadsWhateverComes(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, tt := range []struct {
		name, body string
		want       []invocation
	}{
		{"a request", `{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Email/query",{"accountId":"A1","filter":{"accountId":"no"}},"0"],["Email/get",{"#ids":{"resultOf":"0","name":"Email/query","path":"/ids"},"accountId":"A2"},"1"]],"createdIds":{}}`,
			[]invocation{{"Email/query", "A1", "0"}, {"Email/get", "A2", "1"}}},
		{"white space", " {\n\t\"methodCalls\" : [ [ \"a\" ,\r\n { \"accountId\" : \"A\" } , \"c\" ] ] } ", []invocation{{"a", "A", "c"}}},
		{"escapes", `{"method\u0043alls":[["\u0045mail\/get",{"account\u0049d":"\uD83D\uDE00"},"\"\\\b\f\n\r\t\ud800x\ud800"]]}`,
			[]invocation{{"Email/get", "😀", "\"\\\b\f\n\r\t\ufffdx\ufffd"}}},
		{"pairs that are none", `{"methodCalls":[["\udc00",{},"\ud800\ud83d\ude00\ud800\n"]]}`,
			[]invocation{{"\ufffd", "", "\ufffd😀\ufffd\n"}}},
		{"brackets and quotes in strings", `{"a":"]}\"[{","methodCalls":[["m",{"x":"]]]\\","accountId":"A"},"c"]]}`, []invocation{{"m", "A", "c"}}},
		{"other lists of that name", `{"a":{"methodCalls":[["no",{},"no"]]},"b":[["methodCalls",[["no"]]]],"methodCalls":[["m",{},"c"]]}`,
			[]invocation{{"m", "", "c"}}},
		{"the key as a value", `{"a":"methodCalls","b":[["no",{},"no"]]}`, nil},
		{"two lists", `{"methodCalls":[["a",{},"0"]],"methodCalls":[["b",{},"1"]]}`, []invocation{{"a", "", "0"}, {"b", "", "1"}}},
		{"the account twice", `{"methodCalls":[["a",{"accountId":"A","accountId":"B"},"0"]]}`, []invocation{{"a", "B", "0"}}},
		{"the account deeper", `{"methodCalls":[["a",{"x":{"accountId":"no"},"y":[{"accountId":"no"}]},"0"]]}`, []invocation{{"a", "", "0"}}},
		{"the account is no string", `{"methodCalls":[["a",{"accountId":["x"],"b":{"accountId":1}},"0"]]}`, []invocation{{"a", "", "0"}}},
		{"the account as a value", `{"methodCalls":[["a",{"b":"accountId","c":"no"},"0"]]}`, []invocation{{"a", "", "0"}}},
		{"wrong types", `{"methodCalls":[[1,2,3],[],[[]],{"a":["x",{},"y"]},"z",null,["m",["accountId","A"],"c",4,5]]}`,
			[]invocation{{}, {}, {}, {"m", "", "c"}}},
		{"no list", `{"methodCalls":{"a":["x",{},"y"]}}`, nil},
		{"long strings are cut", `{"methodCalls":[["` + long + `",{"accountId":"` + long + `"},"` + long + `"]],"` + long + `":1}`,
			[]invocation{{long[:roomOfName], long[:roomOfValue], long[:roomOfID]}}},
		{"a long key that begins well", `{"methodCalls` + long + `":[["no",{},"no"]]}`, nil},
		{"huge numbers", `{"n":1` + strings.Repeat("0", 1000) + `e9999999,"methodCalls":[["m",{"n":-1e+999999999},"c"]]}`, []invocation{{"m", "", "c"}}},
		{"deep", `{"d":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `,"methodCalls":[["m",` + strings.Repeat(`{"accountId":`, 1000) + `0` + strings.Repeat("}", 1000) + `,"c"]]}`,
			[]invocation{{"m", "", "c"}}},
		{"never closed", strings.Repeat(`{"methodCalls":[`, 1000), nil},
		{"closed too often", `}]}]{"methodCalls":[["no",{},"no"]]}`, nil},
		{"nothing after the end", `{}{"methodCalls":[["no",{},"no"]]}`, nil},
		{"a list at the top", `[{"methodCalls":[["no",{},"no"]]}]`, nil},
		{"a string at the top", `"{"methodCalls":[["no",{},"no"]]}`, nil},
		{"a byte order mark", "\ufeff" + `{"methodCalls":[["no",{},"no"]]}`, nil},
		{"bytes that are no UTF-8", "{\"methodCalls\":[[\"m\xff\",{\"\xfe\":0,\"accountId\":\"\xc3\"},\"\x80\"]]}", []invocation{{"m\xff", "\xc3", "\x80"}}},
		{"zero bytes", "{\"\x00\":0,\"methodCalls\":[[\"\x00\",{},\"c\"]]}", []invocation{{"\x00", "", "c"}}},
		{"cut off in an escape", `{"methodCalls":[["m",{},"\u00`, nil},
		{"digits that are none", `{"methodCalls":[["\uzzzzm",{},"c"]]}`, []invocation{{"\x00m", "", "c"}}},
		{"empty", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, 64, 1 << 20} {
				if got, _ := scan("methodCalls", "accountId", tt.body, piece); !slices.Equal(got, tt.want) {
					t.Errorf("in pieces of %d: got %q, want %q", piece, got, tt.want)
				}
			}
		})
	}
}

func TestScannerReadsProblemDetails(t *testing.T) {
	for body, want := range map[string]string{
		`{"type":"urn:ietf:params:jmap:error:limit","limit":"maxSizeRequest","status":400}`: "urn:ietf:params:jmap:error:limit",
		`{"status":400,"detail":{"type":"no"},"type":"\u0061bout:blank"}`:                   "about:blank",
		`{"detail":[["type",{"type":"no"},"no"]]}`:                                          "",
		`{"type":7}`: "",
		`nonsense`:   "",
	} {
		for _, piece := range []int{1, 5, 1000} {
			if _, got := scan("", "type", body, piece); got != want {
				t.Errorf("%s in pieces of %d: got %q, want %q", body, piece, got, want)
			}
		}
	}
}

// The scanner finds what encoding/json finds, whatever the pieces.
func TestScannerAgreesWithJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		body, want := randomRequest(random)
		got, _ := scan("methodCalls", "accountId", body, 1+random.IntN(len(body)))
		if !slices.Equal(got, want) {
			t.Fatalf("of %s: got %q, want %q", body, got, want)
		}
	}
}

func randomRequest(random *rand.Rand) (body string, want []invocation) {
	calls := []any{}
	for range random.IntN(6) {
		call := invocation{randomText(random, 8), randomText(random, 20), randomText(random, 20)}
		want = append(want, call)
		calls = append(calls, []any{call.name, map[string]any{
			"accountId": call.value,
			"a":         randomText(random, 20),
			"z":         map[string]any{"accountId": randomText(random, 3), "list": []any{[]any{"x", map[string]any{}, "y"}}},
		}, call.id})
	}
	b, err := json.Marshal(map[string]any{"a": calls, "methodCalls": calls, "using": []string{randomText(random, 10)}})
	if err != nil {
		panic(err)
	}
	return string(b), want
}

func randomText(random *rand.Rand, most int) string {
	alphabet := []rune("ab\"\\/{}[]:,\n\x01é€😀")
	text := make([]rune, random.IntN(most))
	for i := range text {
		text[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(text)
}

// A string of a megabyte of backslashes and quotes costs as much as any other:
// the work is counted, not timed.
func TestSkippedStringsAreReadOnce(t *testing.T) {
	for _, unit := range []string{`\\`, `\"`, `x`, `\u0022`} {
		b := []byte(strings.Repeat(unit, 1<<20/len(unit)) + `"rest`)
		n, ended, escaped := skipString(b)
		if n != len(b)-len("rest") || !ended || escaped {
			t.Errorf("%s: read %d bytes, ended %v, escaped %v", unit, n, ended, escaped)
		}
	}
}

func FuzzRequestBody(f *testing.F) {
	f.Add([]byte(`{"using":[],"methodCalls":[["Email/get",{"accountId":"A","ids":["\u0031"]},"c1"]]}`), uint8(3))
	f.Add([]byte(`{"methodCalls":[["\ud83d\ude00",{"accountId":"\\"},"\""],[]]}`), uint8(1))
	f.Add([]byte("}{][\"\\"), uint8(2))
	f.Fuzz(func(t *testing.T, body []byte, piece uint8) {
		whole, _ := scan("methodCalls", "accountId", string(body), len(body)+1)
		pieces, _ := scan("methodCalls", "accountId", string(body), int(piece)+1)
		if !slices.Equal(whole, pieces) {
			t.Fatalf("whole %q, in pieces %q", whole, pieces)
		}
		for _, call := range whole {
			if len(call.name) > roomOfName || len(call.value) > roomOfValue || len(call.id) > roomOfID {
				t.Fatalf("too long: %q", call)
			}
		}
		var request struct {
			MethodCalls []json.RawMessage `json:"methodCalls"`
		}
		// Where encoding/json sees one list of that name in any spelling, the scanner sees the same.
		if json.Unmarshal(body, &request) != nil || strings.Count(strings.ToLower(string(body)), "methodcalls") != 1 ||
			!strings.Contains(string(body), `"methodCalls"`) || strings.ContainsFunc(string(body), unusual) {
			return
		}
		lists := 0
		for _, raw := range request.MethodCalls {
			if strings.HasPrefix(string(raw), "[") {
				lists++
			}
		}
		if len(whole) != lists {
			t.Fatalf("found %d calls, JSON has %d", len(whole), lists)
		}
	})
}

func FuzzResponseScanner(f *testing.F) {
	f.Add("invalidArguments", "c1", uint8(3))
	f.Add("\"\\\u2028😀", "\x00\xff", uint8(1))
	f.Fuzz(func(t *testing.T, errorType, id string, piece uint8) {
		body, err := json.Marshal(map[string]any{
			"methodResponses": []any{[]any{"error", map[string]any{"description": id, "type": errorType}, id}},
			"sessionState":    errorType,
		})
		if err != nil {
			t.Fatal(err)
		}
		var decoded struct{ MethodResponses [][]any }
		if err := json.Unmarshal(body, &decoded); err != nil {
			t.Fatal(err)
		}
		got, _ := scan("methodResponses", "type", string(body), int(piece)+1)
		arguments := decoded.MethodResponses[0][1].(map[string]any)
		want := []invocation{{"error", cut(arguments["type"], roomOfValue), cut(decoded.MethodResponses[0][2], roomOfID)}}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// unusual says that a key may be spelt in more than one way.
func unusual(r rune) bool { return r == '\\' || r >= utf8.RuneSelf }

func cut(v any, most int) string {
	s := fmt.Sprint(v)
	return s[:min(len(s), most)]
}
