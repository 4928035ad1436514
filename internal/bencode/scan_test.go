package bencode

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestScanAccepts(t *testing.T) {
	for _, in := range []string{
		"0:", "3:abc", "10:0123456789", "i0e", "i-1e", "i9223372036854775807e", "i-9223372036854775808e",
		"i123456789012345678901234567890e", // M03: of any size; whoever decodes it decides
		"le", "de", "li1e1:ae", "d1:ai1e1:bi2ee", "d1:bi1e1:ai2ee", "d0:i1ee", "lllleeee", "d1:ad1:ad1:aleeee",
		"d1:bd1:ci1ee1:ai1ee", "d1:bd1:ai1ee1:ai1ee",
	} {
		for _, tail := range []string{"", "e", "i1e", "xyz"} {
			n, err := Scan([]byte(in+tail), Limits{})
			if err != nil || n != len(in) {
				t.Errorf("Scan(%q) = %d, %v; want %d", in+tail, n, err, len(in))
			}
		}
		// Every cut is refused as truncated, also behind more input than the limit allows.
		for i := range len(in) {
			if _, err := Scan([]byte(in[:i]), Limits{}); !errors.Is(err, ErrSyntax) || !errors.Is(err, ErrTruncated) {
				t.Errorf("Scan(%q) = %v, want truncated", in[:i], err)
			}
			if i > 0 {
				if _, err := Scan([]byte(in), Limits{Bytes: i}); !errors.Is(err, ErrLimit) {
					t.Errorf("Scan(%q) within %d bytes = %v, want a limit", in, i, err)
				}
			}
		}
	}
}

func TestScanRefuses(t *testing.T) {
	for _, c := range []struct{ in, why string }{
		{"e", "begins with"},
		{"x", "begins with"},
		{"-1:a", "begins with"},
		{"+1:a", "begins with"},
		{"i-0e", "shortest form"},
		{"i007e", "shortest form"},
		{"i00e", "shortest form"},
		{"i-01e", "shortest form"},
		{"i+1e", "in an integer"},
		{"ie", "no digits"},
		{"i-e", "no digits"},
		{"i--1e", "in an integer"},
		{"i1.0e", "in an integer"},
		{"i 1e", "in an integer"},
		{"03:abc", "begins with 0"},
		{"00:", "begins with 0"},
		{"1x:a", "in the length"},
		{"1 :a", "in the length"},
		{"d1:ae", `key "a" has no value`},
		{"di1e1:ae", "a key begins with"},
		{"dlee", "a key begins with"},
		{"d-1:ai1ee", "a key begins with"},
		{"d+1:ai1ee", "a key begins with"},
		{"d1:ai1e1:ai2ee", `"a" comes twice`},
		{"d1:ai1e1:bi1e1:ai2ee", `"a" comes twice`},
		{"d1:ci1e1:bi1e1:ai2e1:ci2ee", `"c" comes twice`},
		{"ld1:xd0:i1e1:ai1e0:i2eeee", `"" comes twice`},
		{"2147483647:x", "more than 1048576 bytes in a string"},
		{"99999999999999999999:x", "more than 1048576 bytes in a string"},
	} {
		n, err := Scan([]byte(c.in), Limits{})
		if !errors.Is(err, ErrSyntax) || n != 0 || !strings.Contains(fmt.Sprint(err), c.why) {
			t.Errorf("Scan(%q) = %d, %v; want %q", c.in, n, err, c.why)
		}
	}
}

func TestScanLimits(t *testing.T) {
	for _, c := range []struct {
		in  string
		lim Limits
		ok  bool
	}{
		{strings.Repeat("l", 100) + strings.Repeat("e", 100), Limits{}, true},
		{strings.Repeat("l", 101) + strings.Repeat("e", 101), Limits{}, false},
		{"lle" + "e", Limits{Depth: 2}, true},
		{"lle" + "e", Limits{Depth: 1}, false},
		{"li1ei2ee", Limits{Items: 3}, true},
		{"li1ei2ee", Limits{Items: 2}, false},
		{"d1:ai1ee", Limits{Items: 3}, true},
		{"d1:ai1ee", Limits{Items: 2}, false},
		{"3:abc", Limits{String: 3}, true},
		{"3:abc", Limits{String: 2}, false},
		{"d3:abci1ee", Limits{String: 2}, false},
		{"3:abc", Limits{Bytes: 5}, true},
		{"3:abc", Limits{Bytes: 4}, false},
	} {
		_, err := Scan([]byte(c.in), c.lim)
		if c.ok && err != nil || !c.ok && !errors.Is(err, ErrLimit) {
			t.Errorf("Scan(%.20q, %+v) = %v", c.in, c.lim, err)
		}
	}
}

// TestM01DepthLimit: nothing but openings is refused at depth 101, in less
// than 10 ms, with less than 1 MiB of memory.
func TestM01DepthLimit(t *testing.T) {
	for _, in := range [][]byte{
		bytes.Repeat([]byte("l"), 1_500_000),
		bytes.Repeat([]byte("d0:"), 500_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Scan(in, Limits{Bytes: 100 << 20})
		runtime.ReadMemStats(&after)
		depth := 100 * len(in) / 1_500_000 // the opening of level 101 stands at byte 100 or 300
		if len(in) == 1_500_000 && in[0] == 'd' {
			depth = 300
		}
		if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), fmt.Sprintf("byte %d: ", depth)) || !strings.Contains(err.Error(), "more than 100 levels") {
			t.Errorf("error %v, want the limit of 100 levels at byte %d", err, depth)
		}
		if took := quickest(func() { Scan(in, Limits{Bytes: 100 << 20}) }); took > 10*time.Millisecond {
			t.Errorf("took %v", took)
		}
		if extra := after.TotalAlloc - before.TotalAlloc; extra > 1<<20 {
			t.Errorf("allocated %d bytes", extra)
		}
	}
}

// quickest is the best time of a few calls, because others may hold the processor.
func quickest(f func()) time.Duration {
	best := time.Hour
	for range 10 {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best
}

// TestM02LengthBeforeAllocation: a claimed length costs nothing.
func TestM02LengthBeforeAllocation(t *testing.T) {
	in := []byte("2147483647:x")
	var s string
	for _, lim := range []Limits{{}, {Bytes: maxBytes}} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 10 {
			if _, err := Scan(in, lim); err == nil {
				t.Error("accepted")
			}
		}
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 64<<10 {
			t.Errorf("%d bytes for ten", got)
		}
		if err := Unmarshal(in, lim, &s); !errors.Is(err, ErrSyntax) {
			t.Errorf("Unmarshal: %v", err)
		}
	}
}

func TestScanSmallPacketsCostLittle(t *testing.T) {
	in := []byte("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe")
	if n := testing.AllocsPerRun(100, func() { Scan(in, Limits{Bytes: 2048}) }); n > 2 {
		t.Errorf("%v allocations", n)
	}
}

// TestScanManyKeys: a dictionary of a hundred thousand keys in the worst order
// is checked for duplicates in n log n.
func TestScanManyKeys(t *testing.T) {
	var b bytes.Buffer
	b.WriteByte('d')
	for i := range 100_000 {
		fmt.Fprintf(&b, "7:%07dle", (i*7919)%100_003)
	}
	b.WriteByte('e')
	if _, err := Scan(b.Bytes(), Limits{Bytes: 10 << 20}); err != nil {
		t.Fatal(err)
	}
	twice := append(b.Bytes()[:b.Len()-1:b.Len()-1], "7:0000000lee"...)
	if _, err := Scan(twice, Limits{Bytes: 10 << 20}); err == nil || !strings.Contains(err.Error(), `"0000000" comes twice`) {
		t.Errorf("error %v", err)
	}
}

func BenchmarkScanPacket(b *testing.B) {
	in := []byte("d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe")
	for b.Loop() {
		if _, err := Scan(in, Limits{Bytes: 2048}); err != nil {
			b.Fatal(err)
		}
	}
}

// Lengths that wrap an int of 32 bits are too long on every machine.
func TestScanLengthNeverWraps(t *testing.T) {
	for _, in := range []string{"2147483650:x", "4294967297:x", "4294967295:x", "18446744073709551617:x", "9223372036854775808:x"} {
		if _, err := Scan([]byte(in), Limits{Bytes: maxBytes}); !errors.Is(err, ErrLimit) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
