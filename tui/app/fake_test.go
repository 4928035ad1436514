package app

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

var now = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func style(t testing.TB, name string, p theme.Profile, g *theme.Glyphs) draw.Style {
	t.Helper()
	th, err := theme.New(name, p)
	if err != nil {
		t.Fatal(err)
	}
	return draw.Style{Theme: th, Glyphs: g}
}

// sample is an engine whose figures are always the same.
type sample struct{ *fakeengine.Engine }

// shown are the torrents of a sample: name, phase, size, have, and the rates.
var shown = []struct {
	name       string
	phase      status.Phase
	size, have int64
	down, up   int64
	ratio      float64
}{
	{"ubuntu-26.10-desktop-amd64.iso", status.Leeching, 5_500_000_000, 2_600_000_000, 9_800_000, 1_100_000, 0.08},
	{"debian-13.2.0-amd64-netinst.iso", status.Leeching, 672_000_000, 544_000_000, 2_600_000, 310_000, 0.41},
	{"archive-org-bundle (mutable) v7 with a name that no column holds", status.Leeching, 18_100_000_000, 362_000_000, 12_000, 0, 0},
	{"wikipedia_en_all_maxi_2026-10", status.Seeding, 111_000_000_000, 111_000_000_000, 0, 1_400_000, 2.31},
	{"fedora-workstation-45.iso", status.Seeding, 2_900_000_000, 2_900_000_000, 0, 0, 1.02},
	{"openstreetmap planet-261116.osm.pbf", status.Paused, 92_000_000_000, 57_960_000_000, 0, 0, 0},
	{"日本語の長い名前のデータセット、二〇二六年版", status.Failed, 1_200_000_000, 144_000_000, 0, 0, 0},
	{"a magnet link", status.Metadata, 0, 0, 0, 0, 0},
	{"being checked", status.Checking, 700_000_000, 0, 0, 0, 0},
	{"evil \x1b]52;c;cm0=\x07\x1b[2J\u202egpj.exe\ntwo lines", status.Leeching, 3_000_000, 1_000_000, 0, 0, 0},
}

func newSample() *sample {
	s := &sample{fakeengine.New(len(shown))}
	for i, x := range shown {
		s.Edit(fakeengine.Torrent(i+1).ID, func(e *status.Entry) {
			e.Name, e.Phase, e.Size, e.Wanted, e.Have, e.Down, e.Up, e.Dir = x.name, x.phase, x.size, x.size, x.have, x.down, x.up, "/home/me/Downloads"
			e.DownTotal, e.UpTotal = x.have, int64(x.ratio*float64(x.have))
			e.Added = now.Add(-time.Duration(i+1) * time.Hour)
			e.Stopped = x.phase == status.Paused
			e.Pieces, e.PieceLength, e.PiecesHave, e.Files = 400, 16<<20, 0, i*i+1
			e.ETA = -1
			if x.size > 0 {
				e.PiecesHave = int(400 * x.have / x.size)
			}
			if x.down > 100_000 {
				e.ETA = time.Duration((x.size-x.have)/x.down) * time.Second
			}
			switch x.phase {
			case status.Failed:
				e.Err = "/home/me/Downloads: no space left on device; make room, then start it again"
			case status.Metadata:
				e.Pieces, e.Files, e.Peers, e.Seeds, e.Candidates, e.Dialing = 0, 0, 3, 0, 40, 5
			case status.Checking:
				e.Checked = 0.37
			}
			if x.phase == status.Leeching {
				e.Time.Minute = status.Shares{status.Choked: 37 * time.Second, status.NoPeers: 18 * time.Second, status.Running: 5 * time.Second}
				e.Time.All, e.Time.Lately = e.Time.Minute, status.Shares{status.Choked: 10 * time.Second}
				e.Peers, e.Seeds, e.PeersChoking = 12, 4, 9
			}
		})
	}
	for i := range 8 {
		s.Say([]string{"info", "warn", "error", "debug"}[i%4], fmt.Sprintf("line %d of the log", i+1))
	}
	return s
}

func (s *sample) Peers(context.Context, metainfo.ID) ([]status.Peer, error) {
	return []status.Peer{
		{Addr: netip.MustParseAddrPort("203.0.113.7:51413"), Client: "qBittorrent 5.1.4", Source: "tracker", Have: 1, AmInterested: true, Queue: 40, Encrypted: true, Down: 2_100_000, DownTotal: 80_000_000, AmChoking: true},
		{Addr: netip.MustParseAddrPort("198.51.100.4:6881"), Client: "Transmission 4.0.6", Source: "dht", Have: 0.4, PeerInterested: true, Up: 1_100_000, UpTotal: 9_000_000, UTP: true},
		{Addr: netip.MustParseAddrPort("[2001:db8::9]:6881"), Client: "evil\x1b]52;c;cm0=\x07", Source: "incoming", Incoming: true, PeerChoking: true, AmInterested: true, AmChoking: true, Snubbed: true},
	}, nil
}

func (s *sample) Trackers(context.Context, metainfo.ID) ([]status.Tracker, error) {
	return []status.Tracker{
		{URL: "https://tracker.example/announce?passkey=0123456789abcdef", Working: true, Next: now.Add(12 * time.Minute), Last: now.Add(-3 * time.Minute), Peers: 50, Complete: 38, Incomplete: 7},
		{URL: "udp://dead.example:6969/announce", Tier: 1, Err: "no answer within 15 s\x1b[2J", Next: now.Add(time.Minute), Complete: -1, Incomplete: -1},
	}, nil
}

func (s *sample) Rates(_ context.Context, id metainfo.ID) (list []status.Rate, step time.Duration, err error) {
	n := int64(300)
	if id != (metainfo.ID{}) {
		n = 60
	}
	for i := range n {
		list = append(list, status.Rate{Down: 2_000_000 + i*i%97*120_000, Up: 400_000 + i%31*90_000})
	}
	return list, time.Duration(300/n) * time.Second, nil
}

func (s *sample) Log(ctx context.Context, after int64) ([]status.LogLine, error) {
	list, err := s.Engine.Log(ctx, after)
	for i := range list {
		list[i].Time, list[i].Torrent = now.Add(time.Duration(i)*time.Second), fakeengine.Torrent(1).ID
	}
	return list, err
}

// modelOf is a model over an engine that is asked by hand.
func modelOf(t testing.TB, e status.Engine, st draw.Style, w, h int) *Model {
	t.Helper()
	m := newModel(Options{Engine: e, Where: "daemon on unix socket", Style: st, Keys: keys.Default(), Local: true, Now: func() time.Time { return now },
		Views: []View{{Name: "unfinished", Filter: "state:downloading", Sort: "-eta"}}})
	m.later = func(time.Duration, func(time.Time) tea.Msg) tea.Cmd { return nil }
	m.Update(tea.WindowSizeMsg{Width: w, Height: h})
	return m
}

// look asks the engine once for all that the screen needs, and tells the model.
func look(t testing.TB, m *Model) {
	t.Helper()
	var told []tea.Msg
	m.poll.send = func(msg tea.Msg) { told = append(told, msg) }
	for range 2 { // what is open is known after the list
		m.poll.look(t.Context(), m.poll.wanted())
		if w := m.poll.wanted(); w.open != (metainfo.ID{}) {
			m.poll.detail(t.Context(), w)
		}
		for _, msg := range told {
			m.Update(msg)
		}
		told = nil
	}
}

// keyOf is the message of a key as Bubble Tea names it.
func keyOf(name string) tea.KeyMsg {
	for k := tea.KeyType(-100); k < 200; k++ {
		if k != tea.KeyRunes && k != tea.KeySpace && (tea.Key{Type: k}).String() == name {
			return tea.KeyMsg{Type: k}
		}
	}
	if name == " " {
		return tea.KeyMsg{Type: tea.KeySpace, Runes: []rune{' '}}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(name)}
}

// press presses keys and carries out what they ask of the engine.
func press(t testing.TB, m *Model, names ...string) {
	t.Helper()
	for _, name := range names {
		_, cmd := m.Update(keyOf(name))
		carryOut(m, cmd)
	}
}

// carryOut runs commands as Bubble Tea does, one after the other.
func carryOut(m *Model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	msg := cmd()
	if all, ok := msg.(tea.BatchMsg); ok {
		for _, c := range all {
			carryOut(m, c)
		}
		return
	}
	_, next := m.Update(msg)
	carryOut(m, next)
}

// errGone is what an engine says that is not there.
var errGone = errors.New("connect to the daemon: connection refused; is it running?")

func screenText(m *Model) string { return strings.Join(m.frame(), "\n") }
