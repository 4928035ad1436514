package app

import (
	"errors"
	"strings"
	"testing"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
)

// TestLabelsOfSeveral: of several torrents those labels are changed that all have; what each has besides stays. Of one it is what was typed.
func TestLabelsOfSeveral(t *testing.T) {
	e := newSample()
	one, two := fakeengine.Torrent(1).ID, fakeengine.Torrent(2).ID
	e.Edit(one, func(x *status.Entry) { x.Labels = []string{"all", "both", "mine"} })
	e.Edit(two, func(x *status.Entry) { x.Labels = []string{"all", "both", "yours"} })
	labels := func(id metainfo.ID) string {
		x, err := e.Entry(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(x.Labels, " ")
	}
	m := modelOf(t, e, looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, " ", " ", "L")
	d := m.dialog.(*entry)
	if got := d.in.String(); got != "all, both" {
		t.Fatalf("%q", got)
	}
	press(t, m, "enter")
	if a, b := labels(one), labels(two); !strings.Contains(a, "mine") || !strings.Contains(b, "yours") || strings.Contains(a, "yours") {
		t.Errorf("nothing was typed: %q, %q", a, b)
	}
	look(t, m)
	press(t, m, "L")
	m.dialog.(*entry).in.set("both, new")
	press(t, m, "enter")
	if a, b := labels(one), labels(two); a != "both new mine" || b != "both new yours" {
		t.Errorf("%q, %q", a, b)
	}
	look(t, m)
	press(t, m, "esc", "g", "L")
	m.dialog.(*entry).in.set("")
	press(t, m, "enter")
	if a, b := labels(one), labels(two); a != "" || b != "both new yours" {
		t.Errorf("%q, %q", a, b)
	}
}

// TestUndoCanBeTriedAgain: what could not be brought back because the daemon did not answer may be, while there is time.
func TestUndoCanBeTriedAgain(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 80, 24)
	look(t, m)
	n := len(m.list.rows)
	press(t, m, " ", " ", "d", "y")
	look(t, m)
	gone := true
	e.Fault = func(verb string) error {
		if gone && verb == "restore" {
			return errors.New("no answer")
		}
		return nil
	}
	press(t, m, "u")
	if got := screenText(m); !strings.Contains(got, "no answer") {
		t.Error(got)
	}
	gone = false
	press(t, m, "u")
	look(t, m)
	if got := screenText(m); len(m.list.rows) != n || !strings.Contains(got, "brought back 2 torrents") {
		t.Errorf("%d of %d\n%s", len(m.list.rows), n, got)
	}
}

// TestAddingSeveralIsCounted: what is new, what is there already and what failed is told apart.
func TestAddingSeveralIsCounted(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 110, 30)
	look(t, m)
	hash := "0123456789abcdef0123456789abcdef0123456"
	for _, c := range []struct {
		sources []string
		want    string
	}{
		{[]string{hash + "0", hash + "1"}, "+ added 2 torrents"},
		{[]string{hash + "0", hash + "1", hash + "2"}, "+ added " + hash + "2; 2 torrents are in the list already"},
		{[]string{hash + "0"}, "+ " + hash + "0 is in the list already"},
		{[]string{hash + "3", "nonsense", "more nonsense"}, "! more nonsense: "},
	} {
		var list []source
		for _, s := range c.sources {
			list = append(list, source{text: s})
		}
		carryOut(m, m.add(list...))
		look(t, m)
		if got := screenText(m); !strings.Contains(got, c.want) {
			t.Errorf("%q is not told:\n%s", c.want, got)
		}
	}
}
