package keys

import (
	"strings"
	"testing"
)

// TestUsualKeys: the keys that people know from other programs do what they know, in the list and, but for those of marks and of finding, in every tab.
func TestUsualKeys(t *testing.T) {
	m := Default()
	for _, c := range []struct {
		keys string // with blanks between them
		want Action
		in   []Where
	}{
		{"j down", MoveDown, nil}, {"k up", MoveUp, nil}, {"g home", Top, nil}, {"G end", Bottom, nil}, {"ctrl+d pgdown", PageDown, nil}, {"ctrl+u pgup", PageUp, nil},
		{"enter l right", Open, nil}, {"esc h left", Back, nil}, {"q", Quit, nil},
		{"1", Pick1, nil}, {"2", Pick2, nil}, {"3", Pick3, nil}, {"4", Pick4, nil}, {"5", Pick5, nil}, {"tab", NextTab, nil}, {"shift+tab", PrevTab, nil},
		{"V", MarkRange, []Where{List}}, {"*", MarkInvert, []Where{List}}, {"/", Filter, []Where{List}}, {"n", NextMatch, []Where{List}}, {"N", PrevMatch, []Where{List}},
		{"s", Sort, []Where{List}}, {"S", Reverse, []Where{List}},
		{"p", Pause, nil}, {"P", PauseAll, nil}, {"a", Add, nil}, {"ctrl+v", Paste, nil}, {"d", Remove, nil}, {"D delete", RemoveData, nil}, {"u", Undo, nil},
		{"v", Verify, nil}, {"r", Reannounce, nil}, {"m", Move, nil}, {"R", Rename, nil}, {"L", Labels, nil}, {"f", OpenFiles, nil}, {"o", OpenFolder, nil},
		{"J", QueueDown, nil}, {"K", QueueUp, nil}, {"+", Raise, nil}, {"-", Lower, nil}, {"[", DownLess, nil}, {"]", DownMore, nil}, {"{", UpLess, nil}, {"}", UpMore, nil},
		{"t", AltLimits, nil}, {"y", CopyMagnet, nil}, {":", Command, nil}, {"? f1", Help, nil}, {"z", Zoom, nil}, {"T", Theme, nil}, {"M", Mouse, nil},
		{"ctrl+l", Redraw, nil}, {"ctrl+z", Suspend, nil}, {"ctrl+c", Exit, nil},
	} {
		places := c.in
		if places == nil {
			places = []Where{List, Details, Files, Peers, Trackers, Log}
		}
		for _, w := range places {
			for _, key := range strings.Fields(c.keys) {
				if got := m.Action(w, key); got != c.want {
					t.Errorf("%s in %v is %q, not %q", key, w, got, c.want)
				}
			}
		}
	}
	if m.Action(List, " ") != Mark || m.Action(Files, " ") != Want {
		t.Error("space marks in the list and wants in the files")
	}
	for _, w := range []Where{Dialog, Prompt} {
		if m.Action(w, "esc") != Cancel || m.Action(w, "enter") != Accept || m.Action(w, "ctrl+c") != Exit {
			t.Errorf("no way out of %v", w)
		}
	}
}
