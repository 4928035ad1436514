package main

import (
	"encoding/json"
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"shoal/status"
)

// TestScriptsPageNamesFields: what the JSON lines hold is in docs/scripts.md, in the row of their type and command.
func TestScriptsPageNamesFields(t *testing.T) {
	page, err := os.ReadFile("../../docs/scripts.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, line := range map[string]any{
		"`progress` | `get`": progressEvent{}, "`file` | `get`": fileEvent{}, "`done` | `get`": doneEvent{}, "`listed` |": listedEvent{},
		"`seeding` |": seedingEvent{}, "`saved` |": savedEvent{}, "`reach` |": reachEvent{}, "`file` | `check`": checkedFileEvent{}, "`done` | `check`": checkedEvent{}, "`done` | `create`": createdEvent{},
		"`done` | `edit`": editedEvent{}, "`torrent`, `magnet` |": description{}, "`done` | `demo`": demoEvent{}, "`version` |": versionEvent{}, "`error` |": errorEvent{},
		"`peer` | `dht`": peerEvent{}, "`done` | `dht`": lookupEvent{}, "`dht` | `dht`": dhtEvent{}, "`scrape` | `dht`": scrapeEvent{},
		"`daemon` |": daemonEvent{}, "`finding` | `doctor`": findingEvent{}, "`done` | `doctor`": examinedEvent{},
		"`config` | `config": configEvent{}, "`problem` | `config": problemEvent{}, "`done` | `config": configCheckedEvent{}, "`setting` | `config": settingEvent{}, "`password` |": passwordEvent{},
		"`entry` |": entryEvent{}, "`file` | `files`": fileLine{}, "`connection` |": connectionLine{}, "`tracker` |": trackerLine{}, "`pieces` |": piecesLine{},
		"`added` |": addedEvent{}, "`done` | `start`": didEvent{}, "`limits` |": limitsEvent{}, "`stats` |": statsEvent{}, "`event` |": happenedEvent{},
	} {
		_, text, ok := strings.Cut(string(page), "\n| "+row)
		text, _, _ = strings.Cut(text, "\n")
		if !ok {
			t.Errorf("docs/scripts.md has no row %s", row)
			continue
		}
		fieldNames(reflect.TypeOf(line), func(name string) {
			if !strings.Contains(text, "`"+name+"`") {
				t.Errorf("docs/scripts.md does not name %s in the row %s", name, row)
			}
		})
	}
}

// fieldNames yields the JSON names of a struct's fields, and of those of structs in its lists or pointed to, without what all lines have.
func fieldNames(s reflect.Type, yield func(string)) {
	for i := range s.NumField() {
		f := s.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
		case name != "" && name != "-":
			yield(name)
		}
		if k := f.Type.Kind(); (k == reflect.Slice || k == reflect.Pointer) && f.Type.Elem().Kind() == reflect.Struct {
			fieldNames(f.Type.Elem(), yield)
		}
	}
}

// TestProgressTellsCauses: where the time of a download went has a field for each cause, of the cause's name and in seconds.
func TestProgressTellsCauses(t *testing.T) {
	s := &status.Torrent{Phase: status.Leeching}
	if e := progressOf(s); e.Cause != "" || e.Spent != nil {
		t.Errorf("at the start: %q, %v", e.Cause, e.Spent)
	}
	for c := range status.NumCauses {
		s.Time.All[c] = time.Duration(c+1)*time.Second + 1234567
	}
	s.Time.Minute[status.Choked] = time.Second
	b, err := json.Marshal(progressOf(s))
	if err != nil {
		t.Fatal(err)
	}
	var line struct {
		Cause string
		Spent map[string]float64
	}
	if err := json.Unmarshal(b, &line); err != nil {
		t.Fatal(err)
	}
	if line.Cause != "choked" || len(line.Spent) != status.NumCauses {
		t.Errorf("%s", b)
	}
	for c := range status.NumCauses {
		if got, want := line.Spent[status.Cause(c).String()], float64(c)+1.001; math.Abs(got-want) > 1e-9 {
			t.Errorf("%v: %v, want %v", status.Cause(c), got, want)
		}
	}
	s.Phase = status.Seeding // what was stays, but nothing holds it back now
	if e := progressOf(s); e.Cause != "" || e.Spent == nil {
		t.Errorf("at the end: %q, %v", e.Cause, e.Spent)
	}
}
