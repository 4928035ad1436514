package keys

import (
	"strings"
	"testing"
)

// TestTable: every action has a help text and a key, no name comes twice, and no key means two things in one place.
func TestTable(t *testing.T) {
	seen := map[Action]bool{}
	for _, e := range table {
		if e.says == "" || len(e.keys) == 0 || e.where == 0 || e.group == "" || seen[e.action] {
			t.Errorf("%+v", e)
		}
		seen[e.action] = true
		for _, k := range e.keys {
			if !possible(k) || canonical(k) != k || canonical(Show(k)) != k {
				t.Errorf("%s: %q is no key", e.action, k)
			}
		}
		if err := e.accept(e.keys); err != nil {
			t.Errorf("%s: %v", e.action, err)
		}
	}
	if wrong := conflicts(table, nil); wrong != nil {
		t.Error(wrong)
	}
}

// TestHelpEqualsTable: what the help of a place says is what its keys do.
func TestHelpEqualsTable(t *testing.T) {
	m := Default()
	for w := range Anywhere {
		told := map[string]Action{}
		for _, l := range m.Help(w) {
			for _, k := range strings.Fields(l.Keys) {
				told[canonical(k)] = l.Action
			}
		}
		if len(told) != len(m.at[w]) {
			t.Errorf("%s: the help tells %d keys of %d", w, len(told), len(m.at[w]))
		}
		for k, a := range told {
			if m.Action(w, k) != a {
				t.Errorf("%s: %s does %q, not %q", w, k, m.Action(w, k), a)
			}
		}
		for _, h := range m.Hints(w) {
			first, _, _ := strings.Cut(h.Key, "/")
			if h.Key != "/" && m.Action(w, canonical(first)) != h.Action {
				t.Errorf("%s: the hint %+v", w, h)
			}
		}
	}
}

func TestBind(t *testing.T) {
	m, err := Bind(map[string][]string{"pause": {"x", "ctrl-p"}, "sort": {}})
	if err != nil {
		t.Fatal(err)
	}
	if m.Action(List, "x") != Pause || m.Action(List, "ctrl+p") != Pause || m.Action(List, "p") != "" || m.Action(List, "s") != "" || m.Keys(Pause) != "x ctrl-p" {
		t.Error(m.Help(List))
	}
	for _, c := range []struct {
		action string
		keys   []string
		want   string
	}{
		{"puase", []string{"x"}, "maybe you mean pause"},
		{"pause", []string{"pgdwn"}, "maybe you mean pgdown"},
		{"pause", []string{"d"}, "pause: the key d is that of remove too"},
		{"exit", nil, "needs a key"},
		{"cancel", []string{"x"}, "is a character that is typed"},
		{"pause", []string{"ctrl-m"}, "there is no key"},
	} {
		if _, err := Bind(map[string][]string{c.action: c.keys}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s = %q: %v, not %q", c.action, c.keys, err, c.want)
		}
	}
}
