package tabs

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

var update = flag.Bool("update", false, "write the golden screens anew")

var now = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func style(t testing.TB, name string, p theme.Profile, g *theme.Glyphs) draw.Style {
	t.Helper()
	th, err := theme.New(name, p)
	if err != nil {
		t.Fatal(err)
	}
	return draw.Style{Theme: th, Glyphs: g}
}

// sample is a download with a little of everything.
func sample() *Data {
	d := &Data{Now: now}
	e := &d.Entry
	e.ID = metainfo.ID{V1: metainfo.Hash{0x9f, 0x2c, 0x41}}
	e.Name, e.Dir, e.Phase = "ubuntu", "/home/me/Downloads", status.Leeching
	e.Size, e.Wanted, e.Have, e.Pieces, e.PieceLength, e.PiecesHave = 5_500_000_000, 5_500_000_000, 2_600_000_000, 400, 1<<20, 190
	e.Down, e.Up, e.DownTotal, e.UpTotal, e.FailedPieces, e.Wasted = 9_800_000, 1_100_000, 2_700_000_000, 440_000_000, 2, 4_000_000
	e.Peers, e.Seeds, e.PeersChoking, e.ETA, e.Added = 41, 38, 30, 232*time.Second, now.Add(-4*time.Minute)
	e.From, e.UpLimit, e.Files = status.Sources{Tracker: 20, DHT: 11, PEX: 10}, 2_000_000, 4
	e.Time.Minute = status.Shares{status.Choked: 37 * time.Second, status.NoPeers: 18 * time.Second, status.Running: 5 * time.Second}
	e.Time.All, e.Time.Lately = e.Time.Minute, status.Shares{status.Choked: 10 * time.Second}
	have, counts := metainfo.NewBitfield(400), make([]uint16, 400)
	for i := range counts {
		if i < 150 || i%6 == 0 {
			have.Set(i)
		}
		counts[i] = uint16(31 + i%9)
	}
	d.Details = &status.Details{Have: have, Availability: counts}
	for i := range 60 {
		d.Rates = append(d.Rates, status.Rate{Down: int64(i%20) * 600_000, Up: int64(i%7) * 200_000})
	}
	d.Files = []status.File{
		{Path: "ubuntu/iso/desktop.iso", Length: 5_000_000_000, Have: 2_600_000_000, Wanted: true, Priority: 3},
		{Path: "ubuntu/iso/日本語の長い名前.iso", Length: 400_000_000, Wanted: true, Priority: 2},
		{Path: "ubuntu/SHA256SUMS", Length: 1200, Have: 1200, Wanted: true, Priority: 2},
		{Path: "ubuntu/notes.txt", Length: 99_998_800},
	}
	d.Peers = []status.Peer{
		{Addr: netip.MustParseAddrPort("198.51.100.4:6881"), Client: "Transmission 4.0.6", Source: "dht", Have: 0.4, PeerInterested: true, Up: 1_100_000, UpTotal: 9_000_000, UTP: true},
		{Addr: netip.MustParseAddrPort("203.0.113.7:51413"), Client: "qBittorrent 5.1.4", Source: "tracker", Have: 1, AmInterested: true, Queue: 40, Encrypted: true, Down: 2_100_000, DownTotal: 80_000_000, AmChoking: true},
		{Addr: netip.MustParseAddrPort("[2001:db8::9]:6881"), Client: "evil\x1b]52;c;cm0=\x07", Source: "incoming", Incoming: true, PeerChoking: true, AmInterested: true, AmChoking: true, Snubbed: true},
	}
	d.Trackers = []status.Tracker{
		{URL: "https://tracker.example/announce?passkey=0123456789abcdef", Working: true, Next: now.Add(12 * time.Minute), Last: now.Add(-3 * time.Minute), Peers: 50, Complete: 38, Incomplete: 7},
		{URL: "udp://dead.example:6969/announce", Tier: 1, Err: "no answer within 15 s\x1b[2J", Next: now.Add(time.Minute), Complete: -1, Incomplete: -1},
		{URL: "http://third.example/announce", Tier: 1, Backup: true, Complete: -1, Incomplete: -1},
	}
	d.Log = []status.LogLine{
		{Serial: 1, Time: now.Add(-time.Minute), Level: "info", Torrent: e.ID, Text: "tracker answered, 50 peers"},
		{Serial: 2, Time: now, Level: "info", Torrent: metainfo.ID{V1: metainfo.Hash{1}}, Text: "another torrent"},
		{Serial: 3, Time: now, Level: "error", Torrent: e.ID, Text: "a piece failed its hash, and its bytes came from 198.51.100.4:6881 and from 203.0.113.7:51413; both are watched"},
	}
	return d
}

func TestGolden(t *testing.T) {
	for _, st := range []struct {
		name  string
		style draw.Style
	}{{"color", style(t, "default", theme.Colors16, theme.Braille())}, {"mono", style(t, "mono", theme.Styled, theme.Block())}, {"ascii", style(t, "mono", theme.Plain, theme.ASCII())}} {
		for _, size := range [][2]int{{80, 24}, {110, 30}, {160, 50}} {
			w, h := size[0], size[1]
			var b strings.Builder
			for _, tab := range New() {
				d := sample()
				fmt.Fprintf(&b, "--- %s\n%s\n", tab.Title(d), strings.Join(tab.View(st.style, d, w, h), "\n"))
			}
			name := filepath.Join("testdata", fmt.Sprintf("%s-%dx%d.txt", st.name, w, h))
			if *update {
				if err := os.WriteFile(name, []byte(b.String()), 0o666); err != nil {
					t.Fatal(err)
				}
				continue
			}
			want, err := os.ReadFile(name)
			if err != nil || string(want) != b.String() {
				t.Errorf("%s differs (%v); -update writes it anew", name, err)
			}
		}
	}
}

// hostile are names that would steer, hide, widen or break.
var hostile = []string{"\x1b]52;c;cm0gLXJm\x07", "\x1b[6n\x1b[2J", "\x1b[8mhidden", "\x1b[8m\n\x1b[8m/", "a\u202egpj.exe", "日本語の長い名前", "a\u200bb\u200d", "two\nlines\r\tx", "\u0085\u009b31m", "\xff\xfe", "🇩🇪👩‍👩‍👧👍🏽",
	"e\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "", strings.Repeat("long ", 300), "/", "a//b", "plain"}

// random is a state that no engine would tell, with what it says of names made of bits.
func random(r *rand.Rand) *Data {
	word := func() string { return hostile[r.IntN(len(hostile))] + hostile[r.IntN(len(hostile))] }
	num := func() int64 { return []int64{0, 1, -1, 900, 1 << 40, -1 << 63, 1<<63 - 1}[r.IntN(7)] }
	d := sample()
	e := &d.Entry
	e.Phase, e.Stopped, e.Waiting, e.Err = status.Phase(r.IntN(9)), r.IntN(5) == 0, r.IntN(5) == 0, word()
	e.Dir, e.Comment, e.Labels = word(), word(), []string{word(), word()}
	e.Size, e.Have, e.Wanted, e.Down, e.Up, e.UpTotal, e.DownLimit = num(), num(), num(), num(), num(), num(), num()
	e.Peers, e.Seeds, e.Asked, e.Candidates, e.PieceLength, e.Priority = int(num()), int(num()), int(num()), int(num()), int(num()), int8(num())
	for c := range e.Time.Minute {
		e.Time.Minute[c] = time.Duration(num())
	}
	d.Now, d.Limited = time.Unix(num()%(1<<40), 0), r.IntN(2) == 0
	if r.IntN(3) == 0 {
		d.Details, d.Rates = nil, nil
	} else {
		d.Details = &status.Details{Have: metainfo.NewBitfield(r.IntN(3)), Availability: make([]uint16, r.IntN(4))}
		d.Rates = []status.Rate{{Down: num(), Up: num()}}
	}
	if r.IntN(3) == 0 {
		d.Err = errors.New(word())
	}
	d.Files, d.Peers, d.Trackers, d.Log = nil, nil, nil, nil
	for range r.IntN(40) {
		d.Files = append(d.Files, status.File{Path: word() + "/" + word() + "/" + word(), Length: num(), Have: num(), Wanted: r.IntN(2) == 0, Priority: uint8(r.IntN(256))})
		d.Peers = append(d.Peers, status.Peer{Client: word(), Source: word(), Have: float64(num()), Down: num(), Up: num(), DownTotal: num(), Queue: int(num())})
		d.Trackers = append(d.Trackers, status.Tracker{URL: word(), Err: word(), Tier: int(num()), Next: time.Unix(num()%(1<<40), 0), Complete: int(num()), Announcing: r.IntN(9) == 0})
		d.Log = append(d.Log, status.LogLine{Serial: num(), Level: word(), Text: word(), Torrent: e.ID})
	}
	return d
}

var actions = []keys.Action{keys.MoveDown, keys.MoveUp, keys.PageDown, keys.PageUp, keys.Top, keys.Bottom, keys.Open, keys.Want, keys.Raise, keys.Lower, keys.Back}

// harmless fails unless a view is h lines of w cells with nothing but colours in them.
func harmless(t *testing.T, name string, lines []string, w, h int) {
	t.Helper()
	if len(lines) != max(h, 0) {
		t.Fatalf("%s at %dx%d has %d lines", name, w, h, len(lines))
	}
	for _, l := range lines {
		if n := ansi.StringWidth(l); n != max(w, 0) {
			t.Fatalf("%s at %dx%d: %d cells: %q", name, w, h, n, l)
		}
		bare := l
		for {
			i := strings.Index(bare, "\x1b[")
			if i < 0 {
				break
			}
			end := i + 2 + strings.IndexFunc(bare[i+2:], func(r rune) bool { return (r < '0' || r > '9') && r != ';' })
			if end < i+2 || bare[end] != 'm' || bare[i:end] == "\x1b[8" { // concealing is no colour of ours
				t.Fatalf("%s: a foreign sequence: %q", name, l)
			}
			bare = bare[:i] + bare[end+1:]
		}
		if !utf8.ValidString(bare) || strings.ContainsFunc(bare, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e
		}) {
			t.Fatalf("%s: %q", name, l)
		}
	}
}

func play(t *testing.T, seed uint64, w, h int) {
	r := rand.New(rand.NewPCG(seed, 1))
	styles := []draw.Style{style(t, "default", theme.TrueColor, theme.Braille()), style(t, "mono", theme.Plain, theme.ASCII())}
	for _, tab := range New() {
		for range 3 {
			d := random(r)
			for range 4 {
				tab.Handle(actions[r.IntN(len(actions))], d)
				harmless(t, tab.Title(d), tab.View(styles[r.IntN(2)], d, w, h), w, h)
			}
		}
	}
}

func TestT01TabsAreExactAndHarmless(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {-1, -1}, {1, 1}, {0, 5}, {5, 0}, {20, 4}, {2, 30}, {300, 2}, {40, 10}, {80, 24}, {160, 50}} {
		for seed := range uint64(12) {
			play(t, seed, size[0], size[1])
		}
	}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range uint64(150) {
		play(t, 100+i, r.IntN(200), r.IntN(60))
	}
}

func FuzzTabs(f *testing.F) {
	f.Add(uint64(1), uint8(80), uint8(24), "name")
	f.Fuzz(func(t *testing.T, seed uint64, w, h uint8, name string) {
		d := random(rand.New(rand.NewPCG(seed, 2)))
		d.Files = append(d.Files, status.File{Path: name}, status.File{Path: name + "/" + name})
		d.Peers = append(d.Peers, status.Peer{Client: name})
		d.Trackers = append(d.Trackers, status.Tracker{URL: name, Err: name})
		d.Log = append(d.Log, status.LogLine{Torrent: d.Entry.ID, Text: name})
		d.Entry.Comment, d.Entry.Err, d.Err = name, name, errors.New(name)
		for _, tab := range New() {
			harmless(t, tab.Name(), tab.View(style(t, "default", theme.Colors16, theme.Block()), d, int(w), int(h)), int(w), int(h))
		}
	})
}

// changes is an engine that notes what is changed.
type changes struct {
	status.Engine
	last status.Change
}

func (c *changes) Change(_ context.Context, _ metainfo.ID, ch status.Change) error {
	c.last = ch
	return nil
}

func TestFilesKeys(t *testing.T) {
	for _, tt := range []struct {
		row    int
		action keys.Action
		want   string
	}{
		{0, keys.Want, "map[3:2]"}, // all below the folder, those that were skipped
		{2, keys.Want, "map[0:0]"},
		{5, keys.Want, "map[3:2]"},
		{1, keys.Want, "map[0:0 1:0]"},
		{1, keys.Raise, "map[1:3]"}, // the other one is as high as can be
		{1, keys.Lower, "map[0:2 1:1]"},
		{2, keys.Raise, "map[]"},
		{5, keys.Lower, "map[]"}, // what is skipped stays so
		{0, keys.Open, "map[]"},
	} {
		tab, d, e := &filesTab{}, sample(), &changes{}
		for range tt.row {
			tab.Handle(keys.MoveDown, d)
		}
		if do := tab.Handle(tt.action, d); do != nil {
			if err := do(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if got := fmt.Sprint(e.last.Files); got != tt.want {
			t.Errorf("%s in row %d: %s, want %s", tt.action, tt.row, got, tt.want)
		}
	}
}

func TestFoldersFold(t *testing.T) {
	tab, d := &filesTab{}, sample()
	s := style(t, "mono", theme.Plain, theme.ASCII())
	tab.View(s, d, 80, 24)
	if n := len(tab.tree.rows); n != 6 {
		t.Fatalf("%d rows", n)
	}
	tab.Handle(keys.MoveDown, d)
	tab.Handle(keys.Open, d)
	if got := strings.Join(tab.View(s, d, 80, 24), "\n"); len(tab.tree.rows) != 4 || !strings.Contains(got, "+ iso/ (2)") {
		t.Errorf("folded:\n%s", got)
	}
	d.Files = append([]status.File(nil), d.Files...) // new figures of the same files leave it folded
	d.Files[0].Have = 5_000_000_000
	tab.View(s, d, 80, 24)
	if len(tab.tree.rows) != 4 || tab.tree.nodes[0].have != 5_000_001_200 {
		t.Errorf("%d rows, %d bytes", len(tab.tree.rows), tab.tree.nodes[0].have)
	}
	tab.Handle(keys.Open, d)
	if len(tab.tree.rows) != 6 {
		t.Error("it stays folded")
	}
}

func TestTheCursorStaysWithItsPeer(t *testing.T) {
	tab, d := &peersTab{}, sample()
	tab.Handle(keys.MoveDown, d)
	at := tab.at
	d.Peers = append([]status.Peer(nil), d.Peers...)
	for i := range d.Peers {
		if d.Peers[i].Addr == at {
			d.Peers[i].Down = 1 << 40
		}
	}
	tab.View(style(t, "mono", theme.Plain, theme.ASCII()), d, 80, 24)
	if tab.cursor != 0 || tab.told[tab.sorted[0]].Addr != at {
		t.Errorf("the cursor is at %d", tab.cursor)
	}
}

func TestTheLogStaysAtItsEndUntilScrolled(t *testing.T) {
	tab, d := &logTab{}, sample()
	s := style(t, "mono", theme.Plain, theme.ASCII())
	d.Log = nil
	more := func(n int) {
		d.Log = append([]status.LogLine(nil), d.Log...)
		for range n {
			k := int64(len(d.Log) + 1)
			d.Log = append(d.Log, status.LogLine{Serial: k, Torrent: d.Entry.ID, Text: fmt.Sprintf("line %d", k)})
		}
	}
	foot := func() string { l := tab.View(s, d, 80, 5); return strings.TrimSpace(l[4][len("15:04:05 "):]) }
	more(20)
	if got := foot(); got != "line 20" {
		t.Error(got)
	}
	tab.Handle(keys.MoveUp, d)
	more(5)
	if got := foot(); got != "line 19" {
		t.Error(got)
	}
	tab.Handle(keys.Top, d)
	if got := foot(); got != "line 5" {
		t.Error(got)
	}
	tab.Handle(keys.Bottom, d)
	if got := foot(); got != "line 25" {
		t.Error(got)
	}
}

func TestSecretsOfTrackersAreNotShown(t *testing.T) {
	got := strings.Join((&trackersTab{}).View(style(t, "mono", theme.Plain, theme.ASCII()), sample(), 160, 50), "\n")
	if strings.Contains(got, "0123456789abcdef") || !strings.Contains(got, "tracker.example") {
		t.Error(got)
	}
}

// TestOtherDaemonsAreNotExplained: of a daemon that does not tell nothing is made up.
func TestOtherDaemonsAreNotExplained(t *testing.T) {
	d := sample()
	d.Limited, d.Rates, d.Details = true, nil, nil
	got := strings.Join((&overview{}).View(style(t, "mono", theme.Plain, theme.ASCII()), d, 80, 24), "\n")
	for _, word := range []string{"why", "choked", "avail", "pieces ", "rates"} {
		if strings.Contains(got, word) {
			t.Errorf("%q is in\n%s", word, got)
		}
	}
}

// many is a torrent of n files in folders of a hundred.
func many(n int) *Data {
	d := sample()
	d.Files = make([]status.File, n)
	for i := range d.Files {
		d.Files[i] = status.File{Path: fmt.Sprintf("all/folder %04d/sub/file %06d.bin", i/100, i), Length: 1000, Have: int64(i % 1000), Wanted: true, Priority: 2}
	}
	return d
}

func BenchmarkFiles100000(b *testing.B) {
	d, s, tab := many(100_000), style(b, "default", theme.Colors16, theme.Braille()), &filesTab{}
	tab.View(s, d, 160, 50)
	b.Run("frame", func(b *testing.B) {
		for b.Loop() {
			tab.View(s, d, 160, 50)
		}
	})
	b.Run("new figures", func(b *testing.B) { // what is polled once a second
		other := many(100_000).Files
		for b.Loop() {
			d.Files, other = other, d.Files
			tab.View(s, d, 160, 50)
		}
	})
	b.Run("build", func(b *testing.B) {
		for b.Loop() {
			(&filesTab{}).View(s, d, 160, 50)
		}
	})
}

func BenchmarkPeers5000(b *testing.B) {
	d, s := sample(), style(b, "default", theme.Colors16, theme.Braille())
	lists := [2][]status.Peer{}
	for i := range 5000 {
		p := status.Peer{Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 6881), Client: "a client", Down: int64(i * 7919 % 5000)}
		lists[0], lists[1] = append(lists[0], p), append(lists[1], p)
	}
	tab := &peersTab{}
	for n := 0; b.Loop(); n++ {
		d.Peers = lists[n%2]
		tab.View(s, d, 160, 50)
	}
}
