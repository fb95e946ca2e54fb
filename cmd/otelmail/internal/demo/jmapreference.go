package demo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// resolved returns a call's arguments with what "#" arguments refer to in the
// responses before (RFC 8620 section 3.7).
func resolved(args json.RawMessage, before []invocation) (json.RawMessage, error) {
	if !bytes.Contains(args, []byte(`"#`)) {
		return args, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(args, &all); err != nil {
		return nil, invalidArguments("%v", err)
	}
	out := make(map[string]json.RawMessage, len(all))
	for name, value := range all {
		plain, isReference := strings.CutPrefix(name, "#")
		if !isReference {
			out[name] = value
			continue
		}
		if _, both := all[plain]; both {
			return nil, invalidArguments("%.50q and %.50q exclude each other", plain, name)
		}
		found, err := dereference(value, before)
		if err != nil {
			return nil, err
		}
		out[plain] = found
	}
	return json.Marshal(out)
}

// dereference finds what a ResultReference refers to.
func dereference(reference json.RawMessage, before []invocation) (json.RawMessage, error) {
	var to struct{ ResultOf, Name, Path string }
	if err := unmarshalArguments(reference, &to); err != nil {
		return nil, err
	}
	bad := func(why string) error { return &methodError{"invalidResultReference", why} }
	i := slices.IndexFunc(before, func(response invocation) bool { return response.id == to.ResultOf })
	switch {
	case i < 0:
		return nil, bad("no call before this one has that id")
	case before[i].name != to.Name:
		return nil, bad("that call has another response")
	}
	var result any
	decoder := json.NewDecoder(bytes.NewReader(before[i].args))
	decoder.UseNumber()
	if err := decoder.Decode(&result); err != nil {
		return nil, err
	}
	if to.Path != "" && !strings.HasPrefix(to.Path, "/") {
		return nil, bad("the path does not begin with /")
	}
	steps := strings.Split(to.Path, "/")[1:]
	found, ok := follow(result, steps)
	if !ok {
		return nil, bad("the path leads nowhere")
	}
	return json.Marshal(found)
}

var pointerEscapes = strings.NewReplacer("~1", "/", "~0", "~")

// follow goes along a JSON pointer (RFC 6901), in which "*" is each element of
// an array; what that finds is one flat array.
func follow(value any, steps []string) (any, bool) {
	for i, step := range steps {
		step = pointerEscapes.Replace(step)
		switch v := value.(type) {
		case map[string]any:
			next, ok := v[step]
			if !ok {
				return nil, false
			}
			value = next
		case []any:
			if step == "*" {
				return followEach(v, steps[i+1:])
			}
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(v) || strconv.Itoa(n) != step {
				return nil, false
			}
			value = v[n]
		default:
			return nil, false
		}
	}
	return value, true
}

func followEach(values []any, steps []string) (any, bool) {
	flat := []any{}
	for _, value := range values {
		found, ok := follow(value, steps)
		if !ok {
			return nil, false
		}
		if array, ok := found.([]any); ok {
			flat = append(flat, array...)
		} else {
			flat = append(flat, found)
		}
	}
	return flat, true
}
