package blocklist

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestQ06Lines(t *testing.T) {
	for _, c := range []struct{ line, from, to string }{ // from "": bad; "pass": let pass; "-": says nothing
		{"Some Corp:1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{"a: name: with colons:1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{"1.2.3.4:5.6.7.8-5.6.7.9", "5.6.7.8", "5.6.7.9"},
		{"Foo, Inc. - 7:1.2.3.4 - 1.2.3.5\r", "1.2.3.4", "1.2.3.5"},
		{"1.2.3.4, 5 Ltd:5.6.7.8-5.6.7.9", "5.6.7.8", "5.6.7.9"},
		{"issue #4; really:1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{"\xe4\xf6\xfc latin:001.002.003.004-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{":1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{"one:1.2.3.4", "1.2.3.4", "1.2.3.4"},
		{"net:1.2.3.0/24", "1.2.3.0", "1.2.3.255"},
		{"six:2001:db8::1-2001:db8::2", "2001:db8::1", "2001:db8::2"},
		{"bad:2001:db8::1-2001:db8::2", "2001:db8::1", "2001:db8::2"},
		{"a:b: c:2001:db8:0:0:0:0:0:1-2001:db8:0:0:0:0:0:2", "2001:db8::1", "2001:db8::2"},
		{"001.002.003.004 - 001.002.003.255 , 000 , name", "1.2.3.4", "1.2.3.255"},
		{"1.2.3.4 - 1.2.3.255,126,a, b: c", "1.2.3.4", "1.2.3.255"},
		{"1.2.3.4 - 1.2.3.255 , 127 , name", "pass", ""},
		{"1.2.3.4 - 1.2.3.255 , 255", "pass", ""},
		{"1.2.3.4-1.2.3.5", "1.2.3.4", "1.2.3.5"},
		{"1.2.3.4", "1.2.3.4", "1.2.3.4"},
		{"1.2.3.77/24", "1.2.3.0", "1.2.3.255"},
		{"1.2.3.0/24 ; SBL1", "1.2.3.0", "1.2.3.255"},
		{"1.2.3.4 # why", "1.2.3.4", "1.2.3.4"},
		{"0.0.0.0/0", "0.0.0.0", "255.255.255.255"},
		{"2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"2001:db8::ff/127", "2001:db8::fe", "2001:db8::ff"},
		{"::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		{"2001:db8:1:2:3::/64", "2001:db8:1:2::", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"2001:db8::5", "2001:db8::5", "2001:db8::5"},
		{"::ffff:1.2.3.4", "1.2.3.4", "1.2.3.4"},
		{"::ffff:1.2.3.4/120", "1.2.3.0", "1.2.3.255"},
		{"::ffff:1.2.3.4-1.2.3.9", "1.2.3.4", "1.2.3.9"},
		{"# 1.2.3.4", "-", ""}, {"; 1.2.3.4", "-", ""}, {"// 1.2.3.4", "-", ""}, {" \t\r", "-", ""},
		{"1.2.3", "", ""}, {"1.2.3.4.5", "", ""}, {"1.2.3.256", "", ""}, {"1..2.3", "", ""}, {"0001.2.3.4", "", ""}, {"1.2.3.4-", "", ""}, {"-1.2.3.4", "", ""},
		{"1.2.3.5-1.2.3.4", "", ""}, {"1.2.3.4-2001:db8::1", "", ""}, {"1.2.3.4/33", "", ""}, {"2001:db8::/129", "", ""}, {"1.2.3.4/-1", "", ""}, {"1.2.3.4/", "", ""},
		{"fe80::1%eth0", "", ""}, {"name only", "", ""}, {"name:", "", ""}, {"<html>", "", ""}, {"1.2.3.4 - 1.2.3.255 , x , name", "", ""}, {strings.Repeat(":", 2000), "", ""},
		{strings.Repeat("x", maxLine+1) + ":1.2.3.4-1.2.3.5", "", ""},
	} {
		l, report, err := Parse(strings.NewReader("9.9.9.9\n"+c.line+"\n"), Limits{})
		if err != nil {
			t.Fatalf("%.80q: %v", c.line, err)
		}
		want := Report{Rules: 1}
		switch c.from {
		case "":
			want.Bad = 1
		case "pass":
			want.Allowed = 1
		case "-":
		default:
			want.Rules = 2
		}
		if report.Rules != want.Rules || report.Bad != want.Bad || report.Allowed != want.Allowed {
			t.Errorf("%.80q: %+v", c.line, report)
			continue
		}
		if want.Rules == 1 {
			if l.Ranges() != 1 {
				t.Errorf("%.80q: %d ranges", c.line, l.Ranges())
			}
			continue
		}
		from, to := netip.MustParseAddr(c.from), netip.MustParseAddr(c.to)
		for _, a := range []netip.Addr{from, to} {
			if !l.Blocks(a) {
				t.Errorf("%q lets %v pass", c.line, a)
			}
		}
		for _, a := range []netip.Addr{from.Prev(), to.Next()} {
			if l.Blocks(a) && a != netip.MustParseAddr("9.9.9.9") {
				t.Errorf("%q blocks %v", c.line, a)
			}
		}
	}
}

func TestBlocks(t *testing.T) {
	l, report, err := Parse(strings.NewReader("\xef\xbb\xbf1.2.3.0/24\n10.0.0.1\n10.0.0.2\nx:10.0.0.0-10.0.0.9\n2001:db8::/64\n2001:db8:0:1::/64\n255.255.255.255\n255.255.255.0/24"), Limits{})
	if err != nil || report.Rules != 8 || report.Bad != 0 || l.Ranges() != 4 {
		t.Fatalf("%+v, %d ranges, %v", report, l.Ranges(), err)
	}
	for a, want := range map[string]bool{
		"1.2.3.0": true, "1.2.2.255": false, "1.2.4.0": false, "::ffff:1.2.3.9": true, "::1.2.3.9": false, "10.0.0.9": true, "10.0.0.10": false, "0.0.0.0": false,
		"2001:db8::1": true, "2001:db8:0:1:ffff::": true, "2001:db8:0:2::": false, "2001:db8::1%eth0": true, "255.255.255.255": true, "::": false,
	} {
		if got := l.Blocks(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s: %v", a, got)
		}
	}
	if l.Blocks(netip.Addr{}) || (*List)(nil).Blocks(netip.MustParseAddr("1.2.3.4")) || (&List{}).Blocks(netip.MustParseAddr("1.2.3.4")) || (*List)(nil).Ranges() != 0 {
		t.Error("something is in nothing")
	}
	a, b := netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(100, func() { l.Blocks(a); l.Blocks(b) }); n != 0 {
		t.Errorf("a look-up allocates %v times", n)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				if !l.Blocks(a) || !l.Blocks(b) {
					t.Error("not blocked")
				}
			}
		})
	}
	all.Wait()
}

// TestQ06Merge compares the list with the plain one: every rule asked one after the other.
func TestQ06Merge(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var text strings.Builder
		var rules [][2]netip.Addr
		base := [2]netip.Addr{netip.MustParseAddr("255.255.255.0"), netip.MustParseAddr("2001:db8::ffff:ffff:ffff:ff00")}[rnd.IntN(2)].AsSlice()
		at := func(n int) netip.Addr {
			b := bytes.Clone(base)
			b[len(b)-1] = byte(n)
			a, _ := netip.AddrFromSlice(b)
			return a
		}
		for range 1 + rnd.IntN(30) {
			from := rnd.IntN(256)
			to := min(from+rnd.IntN(12), 255)
			rules = append(rules, [2]netip.Addr{at(from), at(to)})
			fmt.Fprintf(&text, "%v-%v\n", at(from), at(to))
		}
		l, _, err := Parse(strings.NewReader(text.String()), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		runs, inside := 0, false
		for n := range 256 {
			a, want := at(n), false
			for _, r := range rules {
				want = want || r[0].Compare(a) <= 0 && a.Compare(r[1]) <= 0
			}
			if l.Blocks(a) != want {
				t.Fatalf("%v is blocked: %v\n%s", a, !want, text.String())
			}
			if want && !inside {
				runs++
			}
			inside = want
		}
		if l.Ranges() != runs || cap(l.v4)+cap(l.v6) != runs {
			t.Fatalf("%d ranges in %d places, want %d\n%s", l.Ranges(), cap(l.v4)+cap(l.v6), runs, text.String())
		}
	}
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestGzip(t *testing.T) {
	two := append(zipped(t, []byte("1.2.3.4\n")), zipped(t, []byte("1.2.3.6\n"))...)
	if l, _, err := Parse(bytes.NewReader(two), Limits{}); err != nil || l.Ranges() != 2 {
		t.Errorf("two members: %d, %v", l.Ranges(), err)
	}
	for n := range len(two) - 1 {
		if n == len(two)/2 { // the first of the two alone
			continue
		}
		if l, _, err := Parse(bytes.NewReader(two[:n]), Limits{}); err == nil {
			t.Fatalf("cut at %d of %d it is a list of %d", n, len(two), l.Ranges())
		}
	}
	broken := errors.New("broken")
	for _, b := range [][]byte{two, []byte("1.2.3.4\n1.2.3.6")} {
		if _, _, err := Parse(io.MultiReader(bytes.NewReader(b[:len(b)-1]), iotest.ErrReader(broken)), Limits{}); !errors.Is(err, broken) {
			t.Errorf("the reader breaks, and it says %v", err)
		}
	}
}

// TestQ05Bounds: what is too large in any way is refused as soon as that is seen, and nothing of it is in force.
func TestQ05Bounds(t *testing.T) {
	for _, c := range []struct {
		name string
		in   io.Reader
		lim  Limits
		want string
	}{
		{"endless", endless("#......\n"), Limits{Input: 8 << 20}, "bytes came"},
		{"endless line", endless("x"), Limits{Input: 1 << 20}, "bytes came"},
		{"a bomb", bytes.NewReader(zipped(t, make([]byte, 8<<20))), Limits{}, "more than 100 times"},
		{"a bomb of comments", bytes.NewReader(zipped(t, bytes.Repeat([]byte("#\n"), 8<<20))), Limits{}, "more than 100 times"},
		{"too much unpacked", bytes.NewReader(zipped(t, []byte(many(1000)))), Limits{Decoded: 4000}, "bytes unpacked"},
		{"too many rules", strings.NewReader(many(1001)), Limits{Rules: 1000}, "over 1000 rules"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := &counter{r: c.in, left: 1 << 40}
			l, _, err := Parse(in, c.lim)
			if l != nil || !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, %v", l, err)
			}
			if in.read > 9<<20 {
				t.Errorf("%d bytes were read", in.read)
			}
		})
	}
	if l, _, err := Parse(strings.NewReader(many(1000)), Limits{Rules: 1000, Input: 1 << 20}); err != nil || l.Ranges() != 1000 {
		t.Errorf("just within: %v", err)
	}
	if l, _, err := Parse(bytes.NewReader(zipped(t, []byte(many(1000)))), Limits{}); err != nil || l.Ranges() != 1000 {
		t.Errorf("packed: %v", err)
	}
}

// TestQ06Nothing: bad lines are counted, some are named, and they are fatal only where nothing is good.
func TestQ06Nothing(t *testing.T) {
	bad := strings.Repeat("no\x1b[31m address\n", 20)
	l, report, err := Parse(strings.NewReader(bad+"1.2.3.4\n"), Limits{})
	if err != nil || l.Ranges() != 1 || report.Bad != 20 || len(report.Examples) != examples || report.Examples[1] != "line 2: no range of addresses" {
		t.Errorf("%+v, %v", report, err)
	}
	for in, want := range map[string]string{bad: "in 20 lines", "": "it is empty", "# nothing\n\n": "it is empty", "PK\x03\x04xxxx": "zip archive", "<html>\n<body>": "in 2 lines; it looks like a web page", "root:x:0\n": "in 1 lines"} {
		if l, _, err := Parse(strings.NewReader(in), Limits{}); l != nil || !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "root") {
			t.Errorf("%.20q: %v, want %q", in, err, want)
		}
	}
	if l, report, err := Parse(strings.NewReader("1.2.3.4 - 1.2.3.5 , 200 , all may pass"), Limits{}); err != nil || l.Ranges() != 0 || report.Allowed != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

// TestQ06Secrets: nothing of a line that cannot be read is told: it may be of a file that is no list.
func TestQ06Secrets(t *testing.T) {
	_, report, err := Parse(strings.NewReader("secret:x:0\n1.2.3.4\nTOKEN=secret\n"+strings.Repeat("secret", maxLine)+"\n"), Limits{})
	want := []string{"line 1: no range of addresses", "line 3: no range of addresses", "line 4: too long"}
	if err != nil || !slices.Equal(report.Examples, want) {
		t.Errorf("%q, %v", report.Examples, err)
	}
}

// endless repeats a text far longer than anybody should read.
func endless(text string) io.Reader {
	return io.LimitReader(repeated(text), 256<<20)
}

type repeated string

func (r repeated) Read(b []byte) (int, error) {
	n := 0
	for n+len(r) <= len(b) {
		n += copy(b[n:], r)
	}
	return n, nil
}

// many is a P2P list of n rules that do not touch.
func many(n int) string {
	var b strings.Builder
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, i := range rnd.Perm(n) {
		var from, to [4]byte
		binary.BigEndian.PutUint32(from[:], uint32(i)*3000)
		binary.BigEndian.PutUint32(to[:], uint32(i)*3000+uint32(i%2000))
		fmt.Fprintf(&b, "Corporation %d:%v-%v\n", i, netip.AddrFrom4(from), netip.AddrFrom4(to))
	}
	return b.String()
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		text := many(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if l, _, err := Parse(strings.NewReader(text), Limits{}); err != nil || l.Ranges() != n {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBlocks(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000} {
		l, _, err := Parse(strings.NewReader(many(n)), Limits{})
		if err != nil {
			b.Fatal(err)
		}
		rnd := rand.New(rand.NewPCG(5, 6))
		addrs := make([]netip.Addr, 1<<12)
		for i := range addrs {
			var a [4]byte
			binary.BigEndian.PutUint32(a[:], rnd.Uint32())
			addrs[i] = netip.AddrFrom4(a)
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				l.Blocks(addrs[i%len(addrs)])
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a:1.2.3.4-1.2.3.5\n1.2.3.0/24", "001.002.003.004 - 001.002.003.255 , 000 , name", "six:2001:db8::1-2001:db8::2\n::/0\n# x", "\x1f\x8b\x08"} {
		f.Add([]byte(s))
	}
	f.Add(zipped(f, []byte("1.2.3.4\n2001:db8::/32\n")))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, report, err := Parse(bytes.NewReader(b), Limits{Input: 1 << 16, Decoded: 1 << 20, Rules: 1000})
		if err != nil {
			if l != nil {
				t.Fatal("a list and an error")
			}
			return
		}
		if l.Ranges() > report.Rules || report.Rules > 0 && l.Ranges() == 0 || len(report.Examples) > min(report.Bad, examples) {
			t.Fatalf("%d ranges, %+v", l.Ranges(), report)
		}
		for i, s := range l.v4 {
			if s.from > s.to || i > 0 && uint64(s.from) <= uint64(l.v4[i-1].to)+1 {
				t.Fatalf("range %d of %v", i, l.v4)
			}
		}
		for i, s := range l.v6 {
			if compare6(s.from, s.to) > 0 {
				t.Fatalf("range %d of %v", i, l.v6)
			}
			if i > 0 {
				if behind, ok := next6(l.v6[i-1].to); !ok || compare6(s.from, behind) <= 0 {
					t.Fatalf("range %d of %v", i, l.v6)
				}
			}
		}
	})
}
