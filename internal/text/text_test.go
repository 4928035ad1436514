package text

import (
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestM18T01Clean(t *testing.T) {
	for _, c := range []struct {
		name, in string
		cells    int
		want     string
	}{
		{"plain", "debian-13.2.0.iso", 0, "debian-13.2.0.iso"},
		{"other scripts", "Ünïcödé 東京 русский", 0, "Ünïcödé 東京 русский"},
		{"empty", "", 5, ""},
		{"M18 clipboard, ESC ]52", "a\x1b]52;c;ZXZpbA==\x07b", 0, "a␛]52;c;ZXZpbA==␇b"},
		{"T01 CSI 6n", "\x1b[6n", 0, "␛[6n"},
		{"T01 DCS", "\x1bP$q\x1b\\", 0, "␛P$q␛\\"},
		{"M18 C1 CSI", "\u009b6n\u0085x", 0, "�6n x"},
		{"M18 C1 as raw bytes", "\x9b6n", 0, "�6n"},
		{"M18 invalid UTF-8", "a\xff\xc3b\xed\xa0\x80", 0, "a��b���"},
		{"M18 RTL override", "photo\u202egpj.exe", 0, "photo�gpj.exe"},
		{"bidi isolates and marks", "\u2066a\u2069\u200e\u061c", 0, "�a���"},
		{"zero width", "a\u200bb\u200dc\ufeffd\u2060e\u00adf", 0, "a�b�c�d�e�f"},
		{"T01 newline", "two\r\nlines\tand\u2028more\u2029!", 0, "two  lines and more !"},
		{"DEL and NUL", "a\x7fb\x00", 0, "a␡b␀"},
		{"odd spaces", "a\u00a0b\u3000c", 0, "a b c"},
		{"invisible letters", "a\u3164b\u115fc\u2800d", 0, "a�b�c\u2800d"},
		{"tags", "a\U000E0041b", 0, "a�b"},
		{"private use, unassigned", "\ue000\U0010ffff", 0, "��"},
		{"variation selector", "\u2764\ufe0f!", 0, "\u2764!"},
		{"mark without base", "\u0301a", 0, "�a"},
		{"stack of marks", "a" + strings.Repeat("\u0301", 6), 0, "a" + strings.Repeat("\u0301", 4) + "�\u0301"},
		{"cut", "abcdef", 4, "abc…"},
		{"fits", "abcd", 4, "abcd"},
		{"cut to one", "abcd", 1, "…"},
		{"T01 cut before wide", "東京都", 4, "東…"},
		{"wide fits", "東京", 4, "東京"},
		{"cut keeps marks", "e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"cut foreign", "\x1b\x1b\x1b", 2, "␛…"},
	} {
		if got := Clean(c.in, c.cells); got != c.want {
			t.Errorf("%s: Clean(%q, %d) = %q, want %q", c.name, c.in, c.cells, got, c.want)
		}
	}
}

func TestCleanCostIsBoundedByTheResult(t *testing.T) {
	huge := strings.Repeat("\x1b", 10<<20)
	var got string
	allocs := testing.AllocsPerRun(100, func() { got = Clean(huge, 20) })
	if Width(got) != 20 || allocs > 20 {
		t.Errorf("%d cells, %v allocations", Width(got), allocs)
	}
	if n := testing.AllocsPerRun(100, func() { got = Clean("plain name.iso", 80) }); n != 0 {
		t.Errorf("%v allocations for a harmless name", n)
	}
}

func TestTruncateAndWidth(t *testing.T) {
	for _, c := range []struct {
		in    string
		cells int
		want  string
	}{{"abc", 0, ""}, {"abc", -1, ""}, {"abc", 2, "a…"}, {"", 3, ""}} {
		if got := Truncate(c.in, c.cells); got != c.want {
			t.Errorf("Truncate(%q, %d) = %q, want %q", c.in, c.cells, got, c.want)
		}
	}
	for s, want := range map[string]int{"": 0, "abc": 3, "東京": 4, "e\u0301": 1, "🎬": 2, "…�": 2, "ｶ": 1, "Ａ": 2, "🇩🇪": 4, "䷀": 2} {
		if got := Width(s); got != want {
			t.Errorf("Width(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 9949: "9.9 kB", 9950: "10 kB", 64_000_000: "64 MB",
		999_499: "999 kB", 999_500: "1.0 MB", 1_234_000_000: "1.2 GB", math.MaxInt64: "9.2 EB", -1500: "-1.5 kB", math.MinInt64: "-9.2 EB",
	} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{512: "512 B", 1024: "1.0 KiB", 64 << 20: "64 MiB", 1 << 40: "1.0 TiB"} {
		if got := SizeBinary(n); got != want {
			t.Errorf("SizeBinary(%d) = %q, want %q", n, got, want)
		}
	}
	if got := Rate(1_200_000); got != "1.2 MB/s" {
		t.Errorf("Rate = %q", got)
	}
}

func TestParseSizeAndRate(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "1": 1, "700": 700, "2MB": 2_000_000, "2048KiB": 2 << 20, "1.5 GiB": 3 << 29, "2m": 2_000_000, "4Mi": 4 << 20,
		" 3 kb ": 3000, "1TB": 1e12, "1PiB": 1 << 50, "10B": 10, "0.5k": 500,
	} {
		if got, err := ParseSize(in); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "MB", "-1", "+1", "1e3", "2 XB", "2MBB", "1i", "1iB", "NaN", "Inf", "0x10", "9223372036854775808", "99999999PB", "1 000", "1..2", "2MB\x1b[6n"} {
		if got, err := ParseSize(in); err == nil {
			t.Errorf("ParseSize(%q) = %d", in, got)
		} else if strings.ContainsRune(err.Error(), 0x1b) {
			t.Errorf("error with a control character: %q", err)
		}
	}
	for in, want := range map[string]int64{"0": 0, "unlimited": 0, "2MB/s": 2_000_000, "2048KiB": 2 << 20, " 1MiB/s ": 1 << 20} {
		if got, err := ParseRate(in); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
	if _, err := ParseRate("fast"); err == nil || !strings.Contains(err.Error(), "2MB") {
		t.Errorf("ParseRate: %v", err)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-1 * time.Second: "-", 0: "0s", 400 * time.Millisecond: "0s", 59*time.Second + 600*time.Millisecond: "1m00s", 232 * time.Second: "3m52s",
		2*time.Hour + 5*time.Minute: "2h05m", 107 * time.Hour: "4d11h", 100 * 24 * time.Hour: ">99d", math.MaxInt64: ">99d",
	} {
		if got := Duration(d); got != want {
			t.Errorf("Duration(%v) = %q, want %q", d, got, want)
		}
	}
}

type evil struct{}

func (evil) LogValue() slog.Value { return slog.StringValue("\x1b[2J") }

func TestT01LogIsClean(t *testing.T) {
	var out strings.Builder
	log := slog.New(NewHandler(slog.NewTextHandler(&out, nil)))
	log.With("with\x1b", "a\x1bb").WithGroup("g\x1b").Info("line\nforged \x1b]52;c;x\x07",
		"name", "x\u202ey", "err", errors.New("bad \x9b6n"), "list", []string{"\x1b[6n"}, "n", 7,
		"valuer", evil{}, slog.Group("group", "k\n", "v\r"))
	s := strings.TrimSuffix(out.String(), "\n")
	if !strings.Contains(s, "n=7") || !strings.Contains(s, "x�y") {
		t.Errorf("log line %s", s)
	}
	if Clean(s, 0) != s || strings.Contains(s, `\x1b`) || strings.Contains(s, `\u202e`) {
		t.Errorf("log line is not clean: %q", s)
	}
	out.Reset()
	log.Debug("hidden")
	if out.Len() != 0 {
		t.Error("the level of the inner handler is ignored")
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "name", "\x1b]52;c;x\x07", "\u202e\u200b\x9b", "東京\u0301\u0301\u0301\u0301\u0301\u0301", "\xff\xfe", "🇩🇪👩\u200d💻\ufe0f"} {
		f.Add(s, 0)
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, cells int) {
		got := Clean(s, cells)
		if !utf8.ValidString(got) {
			t.Fatalf("Clean(%q) is not UTF-8: %q", s, got)
		}
		if cells > 0 && Width(got) > cells {
			t.Fatalf("Clean(%q, %d) is %d cells wide", s, cells, Width(got))
		}
		for i, r := range got {
			if c, ok := harmless(r); !ok || c != r || r < ' ' || r >= 0x7f && r < 0xa0 {
				t.Fatalf("Clean(%q) keeps %U at %d", s, r, i)
			}
		}
		if again := Clean(got, cells); again != got {
			t.Fatalf("Clean(%q, %d) = %q, and again %q", s, cells, got, again)
		}
		if cells <= 0 && s != "" && got == "" && !strings.ContainsFunc(s, func(r rune) bool { _, ok := harmless(r); return !ok }) {
			t.Fatalf("Clean(%q) vanished", s)
		}
	})
}
