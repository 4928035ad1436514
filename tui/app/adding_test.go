package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
)

// TestPickAFile: folders and .torrent files are offered as the path is typed, tab goes on in it, and a folder that is listed late disturbs nobody.
func TestPickAFile(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"films/one.torrent", "films/two.torrent", "films/notes.txt", "films/deep/three.torrent", "other.torrent"} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m := modelOf(t, newSample(), looks(t)["ascii"], 80, 24)
	look(t, m)
	press(t, m, "a")
	if got := screenText(m); !strings.Contains(got, "films/") || !strings.Contains(got, "other.torrent") {
		t.Errorf("nothing is offered:\n%s", got)
	}
	press(t, m, "f", "tab")
	d := m.dialog.(*adding)
	if got := d.source.String(); got != "films/" || strings.Join(d.files, " ") != "deep/ one.torrent two.torrent" {
		t.Errorf("%q, %q", got, d.files)
	}
	press(t, m, "down", "down")
	if got := screenText(m); !strings.Contains(got, "> one.torrent") || !strings.Contains(got, "enter take the file") {
		t.Errorf("nothing is chosen:\n%s", got)
	}
	press(t, m, "enter")
	if got := d.source.String(); got != "films/one.torrent" || m.dialog == nil {
		t.Errorf("%q", got)
	}
	press(t, m, "tab") // nothing to go on with: the next field
	if d.field != addFolder {
		t.Error(d.field)
	}
	press(t, m, "fi")
	_, cmd := m.Update(keyOf("tab"))
	press(t, m, "x") // before the folder answers
	carryOut(m, cmd)
	if got := d.folder.String(); got != "fix" || d.field != addFolder {
		t.Errorf("%q, field %d", got, d.field)
	}
	press(t, m, "backspace", "tab")
	if got := d.folder.String(); got != "films/" {
		t.Errorf("%q", got)
	}
	// One folder is listed at a time, however fast one types.
	d.field, d.busy = addSource, false
	d.source.set("")
	asked := 0
	for _, r := range "films/de" {
		if _, cmd = m.Update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{r}}); cmd != nil {
			asked++
		}
	}
	if asked != 1 {
		t.Errorf("%d folders are listed at once", asked)
	}
	m.Update(namesMsg{completion: completion{typed: "f"}})
	if d.busy != true {
		t.Error("what was typed meanwhile is not looked for")
	}
}
