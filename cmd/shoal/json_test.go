package main

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestReadmeNamesFields: what the JSON lines hold is in the README, in the row of their type and command.
func TestReadmeNamesFields(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, line := range map[string]any{
		"`progress` | `get`": progressEvent{}, "`file` | `get`": fileEvent{}, "`done` | `get`": doneEvent{}, "`listed` |": listedEvent{},
		"`seeding` |": seedingEvent{}, "`saved` |": savedEvent{}, "`reach` |": reachEvent{}, "`file` | `check`": checkedFileEvent{}, "`done` | `check`": checkedEvent{}, "`done` | `create`": createdEvent{},
		"`done` | `edit`": editedEvent{}, "`torrent`, `magnet` |": description{}, "`done` | `demo`": demoEvent{}, "`version` |": versionEvent{}, "`error` |": errorEvent{},
		"`peer` | `dht`": peerEvent{}, "`done` | `dht`": lookupEvent{}, "`dht` | `dht`": dhtEvent{}, "`scrape` | `dht`": scrapeEvent{},
	} {
		_, text, ok := strings.Cut(string(readme), "\n| "+row)
		text, _, _ = strings.Cut(text, "\n")
		if !ok {
			t.Errorf("README has no row %s", row)
			continue
		}
		fieldNames(reflect.TypeOf(line), func(name string) {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("README does not name %s in the row %s", name, row)
			}
		})
	}
}

// fieldNames yields the JSON names of a struct's fields, and of those of structs in its lists, without what all lines have.
func fieldNames(s reflect.Type, yield func(string)) {
	for i := range s.NumField() {
		f := s.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
		case name != "" && name != "-":
			yield(name)
		}
		if f.Type.Kind() == reflect.Slice && f.Type.Elem().Kind() == reflect.Struct {
			fieldNames(f.Type.Elem(), yield)
		}
	}
}
