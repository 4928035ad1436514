package status

import (
	"strings"
	"testing"

	"shoal/metainfo"
)

func TestEveryPhaseHasAWord(t *testing.T) {
	seen := make(map[string]bool)
	for p := Opening; p <= Failed; p++ {
		if w := p.String(); w == "" || seen[w] {
			t.Errorf("phase %d is %q", p, w)
		} else {
			seen[w] = true
		}
	}
}

// TestEntryMagnet: a link tells the name, but not the hash in its place.
func TestEntryMagnet(t *testing.T) {
	id, err := metainfo.ParseID("0123456789abcdef0123456789abcdef01234567")
	if err != nil {
		t.Fatal(err)
	}
	e := &Entry{Trackers: [][]string{{"http://a.example/announce"}}}
	e.ID, e.Name = id, id.String()
	if got, want := e.Magnet(), "magnet:?xt=urn:btih:"+e.ID.String()+"&tr=http%3A%2F%2Fa.example%2Fannounce"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if e.Name = "n"; !strings.Contains(e.Magnet(), "&dn=n&") {
		t.Error(e.Magnet())
	}
}
