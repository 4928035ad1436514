package app

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/fakeengine"
	"shoal/status"
	"shoal/tui/draw"
)

// wrongPlural is one of something that is called many.
var wrongPlural = regexp.MustCompile(`\b1 (?:[a-z]+ )?(torrents|peers|files|lines|seeds|trackers|nodes|pieces|parts|folders|addresses|links|characters|days)\b`)

// TestOneIsNotMany: wherever there is one of something, it is called so.
func TestOneIsNotMany(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {60, 15}, {80, 24}, {160, 50}} {
		e := newSample()
		for i := range shown {
			e.Edit(fakeengine.Torrent(i+1).ID, func(x *status.Entry) {
				x.Peers, x.Seeds, x.PeersSending, x.PeersReceiving, x.PeersChoking, x.Interested, x.Dialing, x.Candidates, x.Asked, x.FailedPieces = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1
				x.Files, x.Pieces, x.PiecesHave, x.Trackers = 1, 1, 0, [][]string{{"http://t.example/announce"}}
				switch i {
				case 7:
					x.Files, x.Pieces, x.Metadata, x.MetadataHave = 0, 0, 1, 1
				case 8:
					x.Files, x.Pieces, x.Metadata, x.MetadataHave, x.Phase = 0, 0, 0, 0, status.Metadata
				case 9:
					x.Files, x.Pieces, x.Phase, x.Peers = 0, 0, status.Metadata, 0
				case 6:
					x.Files, x.Pieces, x.Phase, x.Peers, x.Dialing = 0, 0, status.Metadata, 0, 0
				}
			})
		}
		m := modelOf(t, e, looks(t)["ascii"], size[0], size[1])
		m.o.Own = true
		look(t, m)
		m.seen.stats.stats.Peers, m.seen.stats.stats.DHT = 1, []status.DHT{{Good: 1}}
		m.seen.rare.totals.Running = 1
		for row := range shown {
			for _, keys := range [][]string{{"g"}, {" ", "p"}, {"p"}, {"d"}, {"esc", "D"}, {"esc", "L"}, {"esc", "m"}, {"esc", "q"}, {"esc", "y"}, {"enter", "1"}, {"2"}, {"3"}, {"4"}, {"5"}, {"esc", "u", "J"}} {
				press(t, m, keys...)
				if m.screen == screenDetails {
					m.poll.detail(t.Context(), m.poll.wanted())
				}
				m.list.selectRow(row)
				if bad := wrongPlural.FindString(screenText(m)); bad != "" {
					t.Fatalf("%v after %q in row %d: %q\n%s", size, keys, row, bad, screenText(m))
				}
			}
			press(t, m, "esc", "esc")
			m.list.unmark()
		}
	}
}

// TestT02ColumnsHoldWhatIsLarge: figures of any size stand in their columns in full, at each width; none is cut, and none pushes another.
func TestT02ColumnsHoldWhatIsLarge(t *testing.T) {
	st := looks(t)["ascii"]
	m := modelOf(t, newSample(), st, 80, 24)
	sizes := []int64{0, 1, 999, 1023, 999_499, 999_500, 1_023_000_000, 9_949_999_999, 999_499_999_999, 1 << 50, math.MaxInt64}
	etas := []time.Duration{-1, 0, time.Second, 59*time.Minute + 59*time.Second, 23*time.Hour + 59*time.Minute, 99*24*time.Hour + 23*time.Hour, 100 * 24 * time.Hour, math.MaxInt64}
	peers := []int{0, 9, 999, 1000, 9999, 99_999, 1_000_000, math.MaxInt}
	ratios := []float64{0, 0.01, 9.99, 99.994, 99.996, 100, 999.94, 999.96, 1000, 12345, 99_999, 1e6, 1e12}
	for i := range 200 {
		e := fakeengine.Torrent(1)
		e.Name = "name"
		e.Wanted = sizes[i%len(sizes)]
		e.Have, e.Down, e.Up = e.Wanted/2, sizes[i*7%len(sizes)], sizes[i*5%len(sizes)]
		e.ETA = etas[i*3%len(etas)]
		e.Peers, e.PeersSending, e.PeersReceiving = peers[i%len(peers)], peers[i*3%len(peers)], peers[i*5%len(peers)]
		if i%4 == 0 {
			e.Have = e.Wanted
		}
		e.DownTotal = max(e.Have, 1000)
		e.UpTotal = int64(min(ratios[i%len(ratios)]*float64(e.DownTotal), math.MaxInt64/2))
		for _, w := range []int{30, 40, 59, 60, 70, 80, 90, 110, 130, 160, 220} {
			m.w = w
			cols, name := chosenColumns(w)
			line := m.rowLine(&row{e: &e}, false, cols, name)
			if n := draw.Width(line); n != w && n > w {
				t.Fatalf("at %d: %d cells: %q", w, n, line)
			}
			if strings.Contains(line[4+name:], st.Ellipsis) && !strings.Contains(line, "linux,tes~") {
				t.Errorf("at %d: a figure is cut: %q", w, line)
			}
			at := 4 + name
			for _, c := range cols {
				if line[at] != ' ' {
					t.Errorf("at %d: %s is pushed: %q", w, c.head, line)
				}
				at += 1 + c.w
			}
		}
	}
	for _, c := range []struct {
		sending, receiving, all int
		want                    string
	}{{2, 1, 9, "3/9"}, {1, 1, 1, "1/1"}, {-5, -1, -3, "0/0"}, {900, 900, 1200, "1.2k/1.2k"}, {math.MaxInt, math.MaxInt, 50, "50/50"}} {
		e := fakeengine.Torrent(1)
		e.PeersSending, e.PeersReceiving, e.Peers = c.sending, c.receiving, c.all
		if got := peersWord(&e); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// TestTabsOfTheListAreSeen: all five are seen in every width, with the count of the open one, and a click finds each where it stands.
func TestTabsOfTheListAreSeen(t *testing.T) {
	for _, n := range []int{0, 9, 999, 10_000, 1_234_567} {
		for _, w := range []int{30, 31, 34, 40, 59, 60, 80, 160} {
			for tab := range tabNames {
				m := modelOf(t, newSample(), looks(t)["ascii"], w, 24)
				m.list.tab = tab
				m.list.counts = [numTabs]int{n, n, n, n, n}
				line := m.tabLine()
				for i, name := range tabNames {
					if i != tab {
						name = name[:3]
					}
					at := strings.Index(line, name)
					if at < 0 || strings.Contains(line[:min(at+len(name)+1, len(line))], "~") {
						t.Fatalf("at %d, %d torrents: %s is not seen: %q", w, n, name, line)
					}
					m.list.tab, m.list.counts = tab, [numTabs]int{n, n, n, n, n}
					m.clickState(at)
					if m.list.tab != i {
						t.Errorf("at %d a click on %s chooses %s", w, name, tabNames[m.list.tab])
					}
				}
			}
		}
	}
}

// TestMagnetRows: in each width the row says what is tried or what is waited for, and no word is cut.
func TestMagnetRows(t *testing.T) {
	id := fakeengine.Torrent(8).ID
	for _, c := range []struct {
		name   string
		change func(x *status.Entry)
		set    func(m *Model)
		long   string
	}{
		{"some parts", func(x *status.Entry) { x.Metadata, x.MetadataHave, x.Peers = 5, 2, 3 }, nil, "file list: 2 of 5 parts from 3 peers"},
		{"one part", func(x *status.Entry) { x.Metadata, x.MetadataHave, x.Peers = 1, 1, 1 }, nil, "file list: 1 of 1 part from 1 peer"},
		{"asking", func(x *status.Entry) { x.Peers = 3 }, nil, "asking 3 peers for the file list"},
		{"asking one", func(x *status.Entry) { x.Peers = 1 }, nil, "asking 1 peer for the file list"},
		{"connecting", func(x *status.Entry) { x.Peers, x.Dialing, x.Candidates = 0, 5, 40 }, nil, "connecting to 5 of 45 known peers"},
		{"connecting to one", func(x *status.Entry) { x.Peers, x.Dialing, x.Candidates = 0, 1, 0 }, nil, "connecting to 1 of 1 known peer"},
		{"silent", func(x *status.Entry) { x.Peers, x.Dialing, x.Candidates = 0, 0, 40_000 }, nil, "40000 known peers did not answer yet"},
		{"both", func(x *status.Entry) { x.Peers, x.Dialing, x.Candidates = 0, 0, 0 }, nil, "looking for peers: trackers and DHT"},
		{"no DHT", func(x *status.Entry) {}, func(m *Model) { m.seen.stats.stats.DHT = nil }, "looking for peers: trackers"},
		{"no tracker", func(x *status.Entry) { x.Trackers = nil }, func(m *Model) {}, "looking for peers: DHT"},
		{"local", func(x *status.Entry) {}, func(m *Model) { m.seen.stats.stats.DHT = nil }, "looking in the local network only"},
		{"nothing", func(x *status.Entry) {}, func(m *Model) { m.seen.stats.stats.DHT, m.seen.rare.settings.LSD = nil, false }, "waits for a peer: no tracker, no DHT"},
		{"queued", func(x *status.Entry) { x.Waiting = true }, nil, "queued; its files are not known yet"},
		{"paused", func(x *status.Entry) { x.Waiting, x.Stopped, x.Phase = false, true, status.Paused }, nil, "paused; its files are not known yet"},
	} {
		e := newSample()
		if c.name != "both" { // what went before stays
			e.Edit(id, func(x *status.Entry) { x.Peers, x.Dialing, x.Candidates = 0, 0, 0 })
		}
		if c.name == "local" || c.name == "nothing" {
			e.Edit(id, func(x *status.Entry) { x.Trackers = nil })
		}
		e.Edit(id, c.change)
		for _, w := range []int{30, 40, 59, 60, 70, 80, 110, 160} {
			m := modelOf(t, e, looks(t)["ascii"], w, 24)
			look(t, m)
			if c.set != nil {
				c.set(m)
			}
			words := m.magnetWords(m.list.rows[id].e)
			if words[0] != c.long {
				t.Fatalf("%s: %q", c.name, words[0])
			}
			cols, name := chosenColumns(w)
			line := m.rowLine(m.list.rows[id], false, cols, name)
			found := false
			for _, word := range words {
				found = found || strings.Contains(line, " "+word)
			}
			if !found || strings.Contains(line[4+name:], "~") || draw.Width(line) != w {
				t.Errorf("%s at %d: %q", c.name, w, line)
			}
		}
	}
}

// TestMarksThatAreHidden: what is asked for goes to the marked torrents that are seen, and that others are marked too is told.
func TestMarksThatAreHidden(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 110, 30)
	look(t, m)
	press(t, m, "*")
	press(t, m, "/")
	for _, r := range "debian" {
		press(t, m, string(r))
	}
	press(t, m, "enter")
	if got := screenText(m); !strings.Contains(got, "10 marked, 9 hidden") {
		t.Error(got)
	}
	press(t, m, "D")
	if d := m.dialog.(*removal); len(d.list) != 1 {
		t.Error(len(d.list))
	}
	press(t, m, "esc", "n")
	if m.toast.tone == bad {
		t.Error(fmt.Sprint(m.toast))
	}
}

// TestTabsOfTheDetailsAreSeen: all five are seen in every width, and a click finds each where it stands.
func TestTabsOfTheDetailsAreSeen(t *testing.T) {
	for _, w := range []int{30, 31, 35, 39, 40, 59, 60, 80, 160} {
		m := modelOf(t, newSample(), looks(t)["ascii"], w, 24)
		m.mouse = true
		look(t, m)
		press(t, m, "enter")
		for tab := range m.tabs {
			for i, other := range m.tabs {
				m.tab = tab
				line := m.frame()[2]
				at := strings.Index(line, other.Name()[:2])
				if at < 0 || strings.Contains(line, "~") {
					t.Fatalf("at %d: %s is not seen: %q", w, other.Name(), line)
				}
				if m.clickTab(tea.MouseMsg{X: at, Y: 2}); m.tab != i {
					t.Errorf("at %d a click on %s chooses %s", w, other.Name(), m.tabs[m.tab].Name())
				}
			}
		}
	}
}

// TestMouseOutOfRange: no click anywhere, on any screen, does harm.
func TestMouseOutOfRange(t *testing.T) {
	for _, size := range [][2]int{{0, 0}, {29, 7}, {30, 8}, {80, 24}, {160, 50}} {
		for _, way := range [][]string{nil, {"enter"}, {"enter", "2"}, {"z"}, {"z", "z"}, {"D"}, {"/"}} {
			m := modelOf(t, newSample(), looks(t)["ascii"], size[0], size[1])
			m.mouse = true
			look(t, m)
			press(t, m, way...)
			for _, x := range []int{-1 << 31, -1, 0, 1, 79, 80, 4096, 1 << 31} {
				for _, y := range []int{-1 << 31, -1, 0, 1, 23, 24, 4096, 1 << 31} {
					for _, b := range []tea.MouseButton{tea.MouseButtonLeft, tea.MouseButtonRight, tea.MouseButtonWheelDown, tea.MouseButtonWheelUp, tea.MouseButtonNone, 99} {
						m.Update(tea.MouseMsg{X: x, Y: y, Button: b, Action: tea.MouseActionPress})
						harmless(t, "after a click", m.frame(), size[0], size[1])
					}
				}
			}
		}
	}
}
