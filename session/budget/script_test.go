package budget

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write what the scripts say now as what they are to say")

// TestScripts plays testdata/budget/*.txt: paragraphs of events, a line "----", and what the dealers grant. #
// begins a comment. Torrents are letters. Every script begins with fresh dealers of no limits.
//
//	rate N            the common limit in bytes a second; it makes a new dealer of bytes
//	own A N           the limit of one torrent
//	want A N          A could use N bytes
//	deal D [every T]  deals for a time of D, every 20 ms if not told otherwise, and says who got how much in all
//	memory N, reserve A N, release A N, drop A
//	dials HALFOPEN CONNECTIONS, dial A ADDR..., next, done ok|failed, accept, closed
//	enter ADDR [xN], leave ADDR [xN]  incoming connections
//	share TOTAL FIRST N..., slots FIXED UP FIRST N..., connections TOTAL MOST FIRST N...
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../../testdata/budget/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts found", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			switch {
			case got == string(want):
			case *update:
				if err := os.WriteFile(name, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			default:
				t.Errorf("%s: see what changed with -update and the diff; now it is\n%s", name, got)
			}
		})
	}
}

type script struct {
	t     *testing.T
	now   time.Time
	bytes *Bytes
	mem   *Memory
	dials *Dials
	in    Inbound
	out   strings.Builder
	prios []Priority
}

func play(t *testing.T, text string) string {
	s := &script{t: t, now: time.Unix(1e9, 0), bytes: NewBytes(0), mem: NewMemory(1 << 20), dials: NewDials(2, 4)}
	for i, para := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		if i > 0 {
			s.out.WriteString("\n")
		}
		input, _, _ := strings.Cut(para+"\n", "----\n")
		input = strings.TrimRight(input, "\n")
		s.out.WriteString(input + "\n----\n")
		for line := range strings.Lines(input) {
			line, _, _ = strings.Cut(line, "#")
			if f := strings.Fields(line); len(f) > 0 {
				s.event(f[0], f[1:])
			}
		}
	}
	return s.out.String()
}

func key(s string) Key { return Key(s[0]) }

func (s *script) num(a string) int64 {
	n, err := strconv.ParseInt(a, 10, 64)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

func (s *script) nums(args []string) (out []int) {
	for _, a := range args {
		out = append(out, int(s.num(a)))
	}
	return out
}

// prio returns the number after the word prio; 0 where there is none.
func (s *script) prio(a []string) Priority {
	if i := slices.Index(a, "prio"); i >= 0 {
		return Priority(s.num(a[i+1]))
	}
	return 0
}

// setPrios notes the priorities of the torrents that shares go to; none: all equal.
func (s *script) setPrios(a []string) {
	s.prios = nil
	for _, n := range s.nums(a) {
		s.prios = append(s.prios, Priority(n))
	}
}

func (s *script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *script) event(what string, a []string) {
	switch what {
	case "rate":
		s.bytes = NewBytes(s.num(a[0]))
	case "own":
		s.bytes.Limit(key(a[0]), s.num(a[1]), slices.Contains(a, "exempt"), s.prio(a))
	case "limit": // of all, from now on
		s.bytes.SetRate(s.num(a[0]))
	case "prios": // of those that the next shares go to
		s.setPrios(a)
	case "want":
		s.bytes.Demand(key(a[0]), s.num(a[1]))
	case "deal":
		s.deal(a)
	case "memory":
		s.mem = NewMemory(s.num(a[0]))
	case "reserve":
		s.say("%s %s %v, %d in use", a[0], a[1], s.mem.Reserve(key(a[0]), s.num(a[1])), s.mem.Used())
	case "release":
		s.mem.Release(key(a[0]), s.num(a[1]))
	case "drop":
		s.mem.Drop(key(a[0]))
		s.bytes.Drop(key(a[0]))
		s.dials.Drop(key(a[0]))
	case "dials":
		s.dials = NewDials(int(s.num(a[0])), int(s.num(a[1])))
	case "dial":
		for _, addr := range a[1:] {
			s.dials.Want(Target{key(a[0]), netip.MustParseAddrPort(addr)})
		}
	case "next":
		s.next()
	case "done":
		s.dials.Dialed(a[0] == "ok")
	case "accept":
		s.say("%v", s.dials.Accept())
	case "closed":
		s.dials.Closed()
	case "enter", "leave":
		s.inbound(what, a)
	case "share":
		s.say("%v", Share(nil, int(s.num(a[0])), s.nums(a[2:]), s.prios, int(s.num(a[1]))))
	case "slots":
		s.say("%v", Slots(nil, int(s.num(a[0])), s.num(a[1]), s.nums(a[3:]), s.prios, int(s.num(a[2]))))
	case "connections":
		s.say("%v", Connections(nil, int(s.num(a[0])), int(s.num(a[1])), s.nums(a[3:]), s.prios, int(s.num(a[2]))))
	default:
		s.t.Fatalf("unknown event %q", what)
	}
}

// deal deals for a while and sums up.
func (s *script) deal(a []string) {
	dur := func(x string) time.Duration {
		d, err := time.ParseDuration(x)
		if err != nil {
			s.t.Fatal(err)
		}
		return d
	}
	every := Tick
	if len(a) > 2 {
		every = dur(a[2])
	}
	var order []Key
	got, most := map[Key]int64{}, map[Key]int64{}
	for end := s.now.Add(dur(a[0])); s.now.Before(end); s.now = s.now.Add(every) {
		s.bytes.Deal(s.now, func(k Key, n int64) {
			if got[k] == 0 {
				order = append(order, k)
			}
			got[k] += n
			most[k] = max(most[k], n)
		})
	}
	if len(order) == 0 {
		s.say("nothing")
	}
	for _, k := range order {
		s.say("%c got %d, at most %d at a time", rune(k), got[k], most[k])
	}
}

func (s *script) next() {
	for {
		t, ok := s.dials.Next()
		if !ok {
			return
		}
		s.say("%c dials %v", rune(t.Key), t.Addr)
	}
}

func (s *script) inbound(what string, a []string) {
	n := 1
	if len(a) > 1 {
		n = int(s.num(strings.TrimPrefix(a[1], "x")))
	}
	took, addr := 0, netip.MustParseAddr(a[0])
	for range n {
		if what == "leave" {
			s.in.Leave(addr)
		} else if s.in.Enter(addr) {
			took++
		}
	}
	if what == "enter" {
		s.say("%d of %d from %v", took, n, addr)
	}
}
