package app

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"

	"shoal/internal/fakeengine"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// harmless fails unless a screen is h lines of w cells with nothing but colours in them.
func harmless(t *testing.T, name string, lines []string, w, h int) {
	t.Helper()
	if len(lines) != max(h, 0) {
		t.Fatalf("%s at %dx%d has %d lines", name, w, h, len(lines))
	}
	for _, l := range lines {
		if n := draw.Width(l); n != max(w, 0) || ansi.StringWidth(draw.Pin(l)) != n {
			t.Fatalf("%s at %dx%d: %d cells: %q", name, w, h, n, l)
		}
		bare := colours.Replace(l)
		for {
			i := strings.Index(bare, "\x1b[")
			if i < 0 {
				break
			}
			end := i + 2 + strings.IndexFunc(bare[i+2:], func(r rune) bool { return (r < '0' || r > '9') && r != ';' })
			if end < i+2 || bare[end] != 'm' || bare[i:end] == "\x1b[8" {
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

// colours takes the commonest sequence out quickly.
var colours = strings.NewReplacer("\x1b[0m", "")

// hostile are names that would steer, hide, widen or break.
var hostile = []string{"\x1b]52;c;cm0gLXJm\x07", "\x1b[6n\x1b[2J", "\x1b[8mhidden", "\x1bP1$r\x1b\\", "a\u202egpj.exe", "日本語の長い名前", "a\u200bb\u200d", "two\nlines\r\tx", "\u0085\u009b31m", "\xff\xfe",
	"🇩🇪👩‍👩‍👧👍🏽", "e\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "\u0301", "שלום עולם", "नमस्ते दुनिया.bin", "ফাইল கோப்பு", "ไฟล์ทำงาน", "ឯកសារ ဖိုင်", "", strings.Repeat("long ", 300), "/", "✨⚠️☔ﷺ", "ｆｕｌｌ", "plain", "\u2028\u2029\ufeff\u00ad"}

// dice throw states that no engine would tell.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice { return dice{rand.New(rand.NewPCG(seed, 1))} }

func (d dice) word() string { return hostile[d.IntN(len(hostile))] + hostile[d.IntN(len(hostile))] }
func (d dice) num() int64   { return []int64{0, 1, -1, 900, 1 << 40, -1 << 63, 1<<63 - 1}[d.IntN(7)] }
func (d dice) yes() bool    { return d.IntN(4) == 0 }

func (d dice) id() metainfo.ID { return metainfo.ID{V1: metainfo.Hash{byte(d.IntN(30))}} }

func (d dice) entry() status.Entry {
	e := status.Entry{Number: d.IntN(30), Stopped: d.yes(), Waiting: d.yes(), Verifying: d.yes(), Files: int(d.num()), Labels: []string{d.word(), d.word()}, QueuePosition: int(d.num())}
	e.ID, e.Name, e.Dir, e.Err, e.Comment = d.id(), d.word(), d.word(), d.word(), d.word()
	e.Phase = status.Phase(d.IntN(9))
	e.Size, e.Wanted, e.Have, e.Down, e.Up, e.DownTotal, e.UpTotal, e.DownLimit = d.num(), d.num(), d.num(), d.num(), d.num(), d.num(), d.num(), d.num()
	e.Peers, e.Seeds, e.Pieces, e.PieceLength, e.Metadata, e.MetadataHave = int(d.num()), int(d.num()), int(d.num()), int(d.num()), int(d.num()), int(d.num())
	e.Checked, e.ETA, e.Added, e.Priority = float64(d.num()), time.Duration(d.num()), time.Unix(d.num()%(1<<40), 0), int8(d.num())
	for c := range e.Time.Minute {
		e.Time.Minute[c] = time.Duration(d.num())
	}
	return e
}

// news is something that an engine told.
func (d dice) news() tea.Msg {
	n := d.IntN(40)
	switch d.IntN(7) {
	case 0, 1:
		m := listMsg{whole: d.yes(), gone: []int{d.IntN(30)}}
		for range n {
			m.changed = append(m.changed, d.entry())
		}
		return m
	case 2:
		m := statsMsg{stats: status.Stats{Down: d.num(), Up: d.num(), Peers: int(d.num()), DHT: []status.DHT{{Good: int(d.num())}}}}
		for range n {
			m.rates = append(m.rates, status.Rate{Down: d.num(), Up: d.num()})
		}
		return m
	case 3:
		return rareMsg{settings: status.Settings{Version: d.word(), Dir: d.word(), DownLimit: d.num(), UpLimit: d.num(), AltOn: d.yes(), Kind: d.word(), Port: int(d.num())},
			totals: status.Totals{Ever: status.Sum{Down: d.num(), Up: d.num()}, Now: status.Sum{Active: time.Duration(d.num())}}, free: d.num()}
	case 4:
		return awayMsg{[]error{nil, errors.New(d.word())}[d.IntN(2)], time.Unix(d.num()%(1<<40), 0)}
	case 5:
		m := logMsg{}
		for range n {
			m.lines = append(m.lines, status.LogLine{Time: time.Unix(d.num()%(1<<40), 0), Level: d.word(), Text: d.word(), Torrent: d.id()})
		}
		return m
	}
	m := detailMsg{id: d.id(), where: keys.Where(d.IntN(8))}
	m.parts.details = &status.Details{Have: metainfo.NewBitfield(n), Availability: make([]uint16, n)}
	for range n {
		m.parts.files = append(m.parts.files, status.File{Path: d.word() + "/" + d.word(), Length: d.num(), Have: d.num()})
		m.parts.peers = append(m.parts.peers, status.Peer{Client: d.word(), Source: d.word(), Have: float64(d.num()), Down: d.num()})
		m.parts.trackers = append(m.parts.trackers, status.Tracker{URL: d.word(), Err: d.word(), Next: time.Unix(d.num()%(1<<40), 0)})
		m.parts.rates = append(m.parts.rates, status.Rate{Down: d.num(), Up: d.num()})
	}
	return m
}

// allKeys are all that mean something somewhere, but for those that leave the program or stop it.
var allKeys = strings.Fields("j k g G enter l esc h tab shift+tab 1 2 3 4 5 f V * p P a d D u v r m R L J K + - y n N / s S : ? z T M t [ ] { } up down left right home end pgup pgdown ctrl+d ctrl+u backspace delete x 日")

// move is a key, a paste or a click.
func (d dice) move() tea.Msg {
	switch d.IntN(12) {
	case 0:
		return tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(d.word() + "\n" + d.word())}
	case 1:
		return tea.MouseMsg{X: d.IntN(200), Y: d.IntN(60), Button: []tea.MouseButton{tea.MouseButtonLeft, tea.MouseButtonWheelDown}[d.IntN(2)], Action: tea.MouseActionPress}
	case 2:
		return doneMsg{say: d.word(), errs: []error{errors.New(d.word())}}
	case 3:
		return outputMsg{line: d.word(), out: strings.Repeat(d.word()+"\n", d.IntN(30))}
	case 4:
		return keyOf(" ")
	}
	return keyOf(allKeys[d.IntN(len(allKeys))])
}

// size is mostly one that a terminal may have.
func (d dice) size() (w, h int) {
	switch d.IntN(5) {
	case 0:
		return d.IntN(34), d.IntN(10)
	case 1:
		return 20 + d.IntN(60), 6 + d.IntN(18)
	}
	return d.IntN(220), d.IntN(70)
}

// TestT01T02ScreensAreExactAndHarmless: whatever is told and pressed, in whatever size, a screen is as large as the terminal, and nothing
// foreign in it steers.
func TestT01T02ScreensAreExactAndHarmless(t *testing.T) {
	all := []draw.Style{style(t, "default", theme.TrueColor, theme.Braille()), style(t, "mono", theme.Styled, theme.Block()), style(t, "mono", theme.Plain, theme.ASCII())}
	t.Chdir(t.TempDir()) // what the dialog that adds lists
	for seed := range uint64(30) {
		d := newDice(seed)
		m := modelOf(t, fakeengine.New(3), all[d.IntN(3)], 80, 24)
		m.o.Own, m.mouse = d.yes(), d.yes()
		var last tea.Msg
		for range 60 {
			switch d.IntN(8) {
			case 0:
				w, h := d.size()
				last = tea.WindowSizeMsg{Width: w, Height: h}
			case 1, 2:
				last = d.news()
			default:
				last = d.move()
			}
			_, cmd := m.Update(last)
			if d.yes() {
				carryOut(m, cmd)
			}
			if d.IntN(20) == 0 {
				m.dialog = nil
			}
			harmless(t, fmt.Sprintf("seed %d after %T", seed, last), m.frame(), m.w, m.h)
		}
	}
}

// TestT02AnswersAreSeen: in the smallest window that shows more than a line, what a removal asks can be read.
func TestT02AnswersAreSeen(t *testing.T) {
	for _, size := range [][2]int{{30, 8}, {40, 10}, {80, 24}} {
		m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), size[0], size[1])
		look(t, m)
		press(t, m, "*", "D")
		for n := range 30 { // breaks into lines in every way
			for _, r := range m.list.rows {
				r.e.Dir = "/" + strings.Repeat("x", n) + " " + strings.Repeat("y", 24-n%24) + " " + strings.Repeat("long ", 20)
			}
			if got := screenText(m); !strings.Contains(got, "Keep everything") || !strings.Contains(got, "(press y)") {
				t.Fatalf("%v:\n%s", size, got)
			}
		}
	}
	for _, size := range [][2]int{{0, 0}, {1, 1}, {0, 5}, {29, 8}, {30, 7}} {
		m := modelOf(t, newSample(), style(t, "mono", theme.Plain, theme.ASCII()), size[0], size[1])
		look(t, m)
		press(t, m, "j", "enter", "d")
		harmless(t, "tiny", m.frame(), max(size[0], 0), max(size[1], 0))
		if !m.layout().tiny {
			t.Error(size)
		}
	}
}
