package figures

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func namesOf(rows []Row) string {
	var all []string
	for _, r := range rows {
		all = append(all, r.Name)
	}
	return strings.Join(all, " ")
}

// TestPut: each row is there once it was put, in the order of the harness, and replaces what was there of its name.
func TestPut(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	order := []string{"a", "b", "c"}
	put := func(r Row, want string) []Row {
		t.Helper()
		if err := Put(name, r, order); err != nil {
			t.Fatal(err)
		}
		rows, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := namesOf(rows); got != want {
			t.Fatalf("rows %q, want %q", got, want)
		}
		return rows
	}
	b := Row{Name: "b", Date: "2026-01-02", Machine: "m", Programs: map[string]string{"shoal": "1"}, Title: "T", Columns: []Key{Wall},
		Ratios: []Key{Wall}, Reference: "x", Lines: []Line{{Case: "1 peer", X: 1, Client: "x", Samples: []Sample{{Wall: 1.5}, {Wall: 2}}}, {Client: "y", Note: "failed"}}}
	if rows := put(b, "b"); !reflect.DeepEqual(rows[0], b) {
		t.Errorf("written %+v, read %+v", b, rows[0])
	}
	put(Row{Name: "c"}, "b c")
	put(Row{Name: "a"}, "a b c")
	again := b
	again.Date = "2026-01-03"
	if rows := put(again, "a b c"); !reflect.DeepEqual(rows[1], again) {
		t.Errorf("measured again %+v, read %+v", again, rows[1])
	}
	order = []string{"b", "a"}
	put(Row{Name: "a"}, "b a") // the harness has no row c any more

	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n != 1+2+2+1 { // the bracket, two rows, the two lines of b, and the bracket
		t.Errorf("%d lines:\n%s", n, text)
	}
	if left, _ := filepath.Glob(name + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestLoadFails(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.json")
	if _, err := Load(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	const damaged = `[{"name":"a","lines":[`
	if err := os.WriteFile(name, []byte(damaged), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(name); err == nil || !strings.Contains(err.Error(), name) {
		t.Errorf("a damaged file: %v", err)
	}
	if err := Put(name, Row{Name: "a"}, []string{"a"}); err == nil {
		t.Error("a damaged file was written over")
	}
	if b, _ := os.ReadFile(name); string(b) != damaged {
		t.Errorf("a damaged file became %q", b)
	}
}
