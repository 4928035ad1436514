package app

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"shoal/internal/cputime"
)

// chunks is a reader whose reads are as long as a terminal may make them.
type chunks struct {
	b    []byte
	size func() int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.b[:min(c.size(), len(c.b))])
	c.b = c.b[n:]
	return n, nil
}

// through is what comes out of the keyboard, read as Bubble Tea reads.
func through(t *testing.T, in []byte, size func() int) (out []byte, k *keyboard) {
	t.Helper()
	k, r := keyboardOf(&chunks{in, size})
	var buf [256]byte
	for {
		n, err := r.Read(buf[:])
		out = append(out, buf[:n]...)
		if err != nil {
			return out, k
		}
	}
}

// TestKeyboardKeepsOrder: whatever comes in whatever pieces, keys and short pastes come out as they went in, and a long paste is whole again once the model
// has asked for the rest.
func TestKeyboardKeepsOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"a", "\x1b[A", "日", "\x1b[<65;10;20M", "\x1b", "\x1b[20", "\x1b[201~", "\r", " "}
	for range 400 {
		var in, want bytes.Buffer
		var pastes []string
		for range r.IntN(6) {
			for range r.IntN(5) {
				p := pieces[r.IntN(len(pieces))]
				in.WriteString(p)
				want.WriteString(p)
			}
			in.WriteByte('.') // no piece before it becomes a part of the marker
			want.WriteByte('.')
			body := strings.Repeat([]string{"x", "日本", "\x1b[20", "\x1b[A\x1b[201", "line\r\n"}[r.IntN(5)], r.IntN(3)*r.IntN(2000))
			pastes = append(pastes, body)
			in.WriteString(pasteBegin + body + pasteEnd)
			want.WriteString(pasteBegin + body + pasteEnd)
		}
		most := 1 + r.IntN(300)
		out, k := through(t, in.Bytes(), func() int { return 1 + r.IntN(most) })
		var got bytes.Buffer // with what was held back in its places
		rest := string(out)
		for range pastes {
			head, tail, ok := strings.Cut(rest, pasteBegin)
			body, after, ended := strings.Cut(tail, pasteEnd)
			if !ok || !ended {
				t.Fatalf("a paste is missing: %.200q", rest)
			}
			p := k.take()
			if len(body) > keepPaste+16 || p.lines != 0 {
				t.Fatalf("%d bytes of a paste went on, %d lines are lost", len(body), p.lines)
			}
			got.WriteString(head + pasteBegin + body + p.text + pasteEnd)
			rest = after
		}
		got.WriteString(rest)
		if got.String() != want.String() {
			t.Fatalf("%d bytes became %d:\n%.300q\n%.300q", want.Len(), got.Len(), want.String(), got.String())
		}
	}
}

// TestT02KeyboardIsBounded: of a paste of many MiB little goes on and not more than maxHeld is kept; its lines are counted. A line without an end that no brackets
// are around is broken up, so that nobody puts it together piece by piece.
func TestT02KeyboardIsBounded(t *testing.T) {
	const n = 400_000
	in := []byte("j" + pasteBegin + strings.Repeat("0123456789abcdef0123456789abcdef01234567\r\n", n) + pasteEnd + "k")
	out, k := through(t, in, func() int { return 4096 })
	p := k.take()
	if len(out) > keepPaste+100 || !bytes.HasPrefix(out, []byte("j"+pasteBegin+"0123")) || !bytes.HasSuffix(out, []byte(pasteEnd+"k")) {
		t.Errorf("%d bytes went on: %.40q ... %q", len(out), out, out[len(out)-20:])
	}
	if kept := len(p.text) / 42; len(p.text) > maxHeld || len(p.text) < maxHeld-100 || p.lines < n-kept-200 || p.lines > n-kept {
		t.Errorf("%d bytes are kept, %d lines are lost of %d", len(p.text), p.lines, n)
	}
	k, r := keyboardOf(&chunks{[]byte(strings.Repeat("x", 100_000)), func() int { return 4096 }})
	full, longest := 0, 0
	for buf := make([]byte, 256); ; {
		m, err := r.Read(buf)
		if err != nil {
			break
		}
		if full++; m < len(buf) {
			longest, full = max(longest, full), 0
		}
	}
	if longest*256 > maxRun+1024 {
		t.Errorf("%d full reads in a row", longest)
	}
	_ = k
}

// TestFlowHugePaste: the real program takes a paste of many MiB at once, says what it left out, and goes on.
func TestFlowHugePaste(t *testing.T) {
	r := start(t, Options{Engine: newSample()}, 80, 24)
	r.see(t, "fedora-workstation")
	began := cputime.Spent()
	r.typed(t, pasteBegin+strings.Repeat("0123456789abcdef0123456789abcdef01234567\n", 200_000)+pasteEnd)
	r.see(t, "─ Add ─", "and 999 more", "199000 lines were left out")
	if took := cputime.Spent() - began; took > 5*time.Second*slower {
		t.Errorf("it takes %v", took)
	}
	r.typed(t, "\x1b")
	r.miss(t, "─ Add ─")
	r.typed(t, ":")
	r.see(t, " :▏")
	r.typed(t, pasteBegin+strings.Repeat("x", 3<<20)+pasteEnd)
	r.see(t, "left out")
	r.typed(t, "\x1b")
	r.see(t, "j/k move")
	began = cputime.Spent()
	r.typed(t, strings.Repeat("x", 1<<20)) // without brackets
	r.see(t, "none was taken for a key")
	r.typed(t, " j")
	r.see(t, "▌ ▼ archive")
	if took := cputime.Spent() - began; took > 10*time.Second*slower {
		t.Errorf("it takes %v", took)
	}
}

// TestPasteIsBounded: also without the keyboard in front of it a paste costs little, and what is left out is told.
func TestPasteIsBounded(t *testing.T) {
	for _, c := range []struct {
		name, text string
		keys       []string
		want       string
	}{
		{"lines", strings.Repeat("a.torrent\n", 100_000), nil, "99000 lines were left out"},
		{"one more", strings.Repeat("a.torrent\n", maxSources+1), nil, "1 line was left out"},
		{"as many as are taken", strings.Repeat("a.torrent\r\n\r\n", maxSources), nil, "and 999 more"},
		{"many MiB", strings.Repeat("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=a+name\r", 300_000), nil, "299000 lines were left out"},
		{"a line of many MiB", strings.Repeat("x", 8<<20), nil, "1 line was left out"},
		{"a long line", "a.torrent\n" + strings.Repeat("x", maxInput+1), nil, "1 line was left out"},
		{"into the filter", strings.Repeat("word ", 20_000), []string{"/"}, "characters were left out: a line has at most 16384"},
		{"into a command", strings.Repeat("line\n", 1_000_000), []string{":"}, "lines were left out"},
		{"into a dialog", strings.Repeat("x", maxInput+1), []string{"m"}, "left out: a line has at most 16384"},
		{"into the help", strings.Repeat("x", maxInput+1), []string{"?"}, "1 character was left out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			m := modelOf(t, newSample(), looks(t)["ascii"], 100, 30)
			look(t, m)
			press(t, m, c.keys...)
			msg := tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(c.text)}
			began := cputime.Spent()
			m.Update(msg)
			m.View()
			if took := cputime.Spent() - began; took > 500*time.Millisecond*slower {
				t.Errorf("it takes %v", took)
			}
			if got := screenText(m); !strings.Contains(got, c.want) {
				t.Errorf("%q is not told:\n%s", c.want, got)
			}
			if d, ok := m.dialog.(*adding); ok && (len(d.more) >= maxSources || len(d.source.runes) > maxInput) {
				t.Errorf("%d sources and %d characters are kept", len(d.more), len(d.source.runes))
			}
		})
	}
}

// TestSourcesThatAreCutAreNotAdded: of a paste that is cut only whole lines are taken.
func TestSourcesThatAreCutAreNotAdded(t *testing.T) {
	m := modelOf(t, newSample(), looks(t)["ascii"], 100, 30)
	look(t, m)
	line := "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=" + strings.Repeat("n", 3000)
	m.Update(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune(strings.Repeat(line+"\n", 500))})
	d := m.dialog.(*adding)
	for _, s := range append(d.more, d.source.String()) {
		if s != line {
			t.Fatalf("%d characters of %d", len(s), len(line))
		}
	}
	if n := len(d.more) + 1 + d.left; n != 500 || d.left == 0 {
		t.Errorf("%d sources, %d left out", n-d.left, d.left)
	}
}

// TestSourcesWithoutBrackets: what a terminal without bracketed paste sends is a paste if it is a source, however short.
func TestSourcesWithoutBrackets(t *testing.T) {
	for _, s := range []string{"0123456789abcdef0123456789abcdef01234567", "d123456789abcdef0123456789abcdef01234567", "magnet:?xt=urn:btih:d123456789abcdef0123456789abcdef01234567", "https://host.example/Dy.torrent"} {
		m := modelOf(t, newSample(), looks(t)["ascii"], 100, 30)
		look(t, m)
		typeAtOnce(m, s)
		if d, ok := m.dialog.(*adding); !ok || d.source.String() != s {
			t.Errorf("%q opens %T", s, m.dialog)
		}
	}
}

// TestASecondPasteIsAnotherSource: links that are pasted one after the other do not become one.
func TestASecondPasteIsAnotherSource(t *testing.T) {
	e := newSample()
	m := modelOf(t, e, looks(t)["ascii"], 100, 30)
	look(t, m)
	for _, hash := range []string{"0123456789abcdef0123456789abcdef01234567", "1123456789abcdef0123456789abcdef01234567"} {
		m.Update(tea.KeyMsg{Type: tea.KeyRunes, Paste: true, Runes: []rune("magnet:?xt=urn:btih:" + hash + "\n")})
	}
	press(t, m, "enter")
	if got := screenText(m); !strings.Contains(got, "added 2 torrents") {
		t.Error(got)
	}
}
