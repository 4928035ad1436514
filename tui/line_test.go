package tui

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

var update = flag.Bool("update", false, "write the golden files")

// states are torrents in every phase, as a screen may have to show them.
func states() []status.Torrent {
	id := func(b byte) metainfo.ID { return metainfo.ID{V1: metainfo.Hash{b}} }
	return []status.Torrent{
		{ID: id(1), Name: "debian-12.6.0-amd64-DVD-1.iso", Phase: status.Leeching, Size: 3_990_000_000, Wanted: 3_990_000_000,
			Have: 1_890_000_000, Down: 12_400_000, Up: 1_100_000, Peers: 41, ETA: 232 * time.Second},
		{ID: id(2), Name: "new.bin", Phase: status.Leeching, Size: 64 << 20, Wanted: 64 << 20, ETA: -1},
		{ID: id(3), Name: "almost.bin", Phase: status.Leeching, Size: 1000, Wanted: 1000, Have: 999, Down: 1, Peers: 1, ETA: time.Second},
		{ID: id(4), Name: "old data", Phase: status.Checking, Size: 5_500_000_000, Wanted: 5_500_000_000, Checked: 0.34, ETA: -1},
		{ID: id(5), Name: "served", Phase: status.Seeding, Size: 700_000_000, Wanted: 700_000_000, Have: 700_000_000, Up: 2_500_000, UpTotal: 1_050_000_000, Peers: 3},
		{ID: id(6), Name: "broken", Phase: status.Failed, Size: 10, Wanted: 10, Err: "write broken/a: no space left on device; make room and start again"},
		{ID: id(7), Name: "just added", Phase: status.Opening, Size: 10, Wanted: 10},
		{ID: id(8), Name: "halted", Phase: status.Paused, Size: 10, Wanted: 10},
		{ID: id(9), Name: "空のファイル empty", Phase: status.Seeding},
		{ID: id(10), Name: "evil\x1b]52;c;aGk=\x07\x1b[6n\u202Ename\nnext \xff", Phase: status.Leeching, Size: 100, Wanted: 100, Have: 50, ETA: -1},
		{ID: id(11), Name: "dn of a link", Phase: status.Metadata, Peers: 2, Asked: 12, Metadata: 5, MetadataHave: 3, ETA: -1},
		*slowed(status.Choked, 41, 12),
		{ID: id(12), Name: "0123456789abcdef0123456789abcdef01234567", Phase: status.Paused, ETA: -1},
	}
}

func TestLineGolden(t *testing.T) {
	for _, style := range []struct {
		name string
		Style
	}{{"mono", Style{}}, {"color", Style{Color: true}}, {"ascii", Style{ASCII: true}}, {"ends", Style{Ends: true}}} {
		var b strings.Builder
		for _, width := range []int{40, 60, 80, 110, 160} {
			fmt.Fprintf(&b, "--- %d cells\n", width)
			for _, s := range states() {
				fmt.Fprintf(&b, "%s\n", strings.ReplaceAll(line(&s, width, column(states()[:4]), style.Style), "\x1b", "ESC"))
			}
		}
		golden(t, "lines-"+style.name+".txt", b.String())
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; go test -update writes it", err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test -update shows how in the diff\n%s", name, got)
	}
}

// TestT01LineFits: whatever a torrent is called and however wide the
// terminal is, a line has no control character of the torrent's and no cell too many.
func TestT01LineFits(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("aZ 空é\u0301\u202E\x1b[]\u200B\u00AD\uFE0F\x07\n\u009B👩")
	for range 5000 {
		name := make([]rune, rnd.IntN(60))
		for i := range name {
			name[i] = alphabet[rnd.IntN(len(alphabet))]
		}
		s := states()[rnd.IntN(12)]
		s.Name, s.Err = string(name), string(name)
		s.Have, s.Down, s.ETA = rnd.Int64N(s.Wanted+1), rnd.Int64N(1<<rnd.IntN(40)), time.Duration(rnd.Int64N(1<<rnd.IntN(60)))-1
		width := 1 + rnd.IntN(200)
		got := line(&s, width, column([]status.Torrent{s}), Style{ASCII: rnd.IntN(2) == 0})
		if w := ansi.StringWidth(got); w > width || text.Width(got) > width {
			t.Fatalf("%d cells of %d: %q", w, width, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e || r == 0x200b }) {
			t.Fatalf("control character in %q", got)
		}
	}
}

func TestShareSaysAllOnlyWhenAllIsThere(t *testing.T) {
	s := status.Torrent{Phase: status.Leeching, Size: 1 << 40, Wanted: 1 << 40, Have: 1<<40 - 1}
	if got := line(&s, 80, 0, Style{}); strings.Contains(got, "100%") {
		t.Errorf("one byte is missing: %s", got)
	}
	s.Have++
	if got := line(&s, 80, 0, Style{}); !strings.Contains(got, "100%") {
		t.Errorf("nothing is missing: %s", got)
	}
}
