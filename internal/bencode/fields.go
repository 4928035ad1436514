package bencode

import (
	"fmt"
	"reflect"
)

// CheckFields reports the first exported field of the struct v that breaks
// the rule for wire structs: int64, string, []byte, RawMessage and slices of
// those, each with a tag of its own and none named "-". Narrower integers would
// be cut silently, arrays and interfaces panic on foreign input, and a field
// without a tag answers to its Go name. Tests of wire structs call it.
func CheckFields(v any) error {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return fmt.Errorf("%s is not a struct", t)
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if tag := f.Tag.Get("bencode"); tag == "" || tag[0] == '-' || tag[0] == ',' {
			return fmt.Errorf("%s.%s has no key of its own (tag %q)", t, f.Name, tag)
		}
		if f.Anonymous || !allowed(f.Type) {
			return fmt.Errorf("%s.%s has type %s; allowed are int64, string, []byte, RawMessage and slices of those", t, f.Name, f.Type)
		}
	}
	return nil
}

func allowed(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[int64](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[RawMessage]():
		return true
	}
	return t.Kind() == reflect.Slice && t.Name() == "" && t.Elem().Kind() != reflect.Uint8 && allowed(t.Elem())
}
