package swarm

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"shoal/internal/block"
	"shoal/metainfo"
	"shoal/piece"
)

var update = flag.Bool("update", false, "write what the scripts say now as what they are to say")

// TestScripts plays testdata/swarm/*.txt: paragraphs of events, a line "----", and the actions that
// the core answers with. Lines of one paragraph are one turn of the loop. # begins a comment.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("../testdata/swarm/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts found", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := playScript(t, string(want))
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

func playScript(t *testing.T, text string) string {
	var out strings.Builder
	var s script
	for i, para := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		if i > 0 {
			out.WriteString("\n")
		}
		input, _, _ := strings.Cut(para+"\n", "----\n")
		out.WriteString(strings.TrimRight(input, "\n") + "\n")
		var events []string
		for line := range strings.Lines(input) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				events = append(events, line)
			}
		}
		if len(events) > 0 {
			out.WriteString("----\n" + s.turn(t, events))
		}
	}
	return out.String()
}

// script is a core with a world around it: a disk that hashes for real, a host that has memory, and a clock that the script moves.
type script struct {
	c    *core
	now  time.Time
	info *metainfo.Info
	pool block.Pool
	jobs []*piece.Job
	mem  int64 // what Reserve has left
	log  strings.Builder
	mute map[string]bool
	// links holds the blocks that lie with a peer's writer.
	links map[piece.PeerID][]metainfo.Block
	leech leechTime
}

// say writes a line of the story, unless lines of its kind are muted.
func (s *script) say(text string) {
	if !s.mute[strings.Fields(text)[0]] {
		s.log.WriteString(text + "\n")
	}
}

func (s *script) turn(t *testing.T, lines []string) string {
	s.log.Reset()
	for _, line := range lines {
		if err := s.do(line); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
	}
	s.settle()
	if s.log.Len() == 0 {
		return "nothing\n"
	}
	return s.log.String()
}

// settle ends the turn and shows the actions. What the writer gives back comes as a turn of its own.
func (s *script) settle() {
	s.c.settle(s.now)
	var back []event
	for i := range s.c.acts {
		a := &s.c.acts[i]
		switch a.kind {
		case acJob:
			s.jobs = append(s.jobs, a.job)
		case acUpload:
			s.links[a.peer] = append(s.links[a.peer], a.block)
		case acCancelUpload:
			for k, b := range s.links[a.peer] {
				if b == a.block {
					s.links[a.peer] = append(s.links[a.peer][:k], s.links[a.peer][k+1:]...)
					back = append(back, event{kind: evUploadCancelled, peer: a.peer, block: b})
					break
				}
			}
		}
		s.say(describe(s.c, a))
	}
	s.c.acts, s.c.out = s.c.acts[:0], s.c.out[:0]
	if len(back) > 0 {
		for i := range back {
			s.c.step(s.now, &back[i])
		}
		s.settle()
	}
}

func (s *script) step(e event) { s.c.step(s.now, &e) }

func (s *script) do(line string) error {
	f := strings.Fields(line)
	switch f[0] {
	case "torrent":
		return s.torrent(f[1:])
	case "mute": // leaves actions of a kind out of the story
		for _, k := range f[1:] {
			s.mute[k] = true
		}
	case "peer":
		return s.peer(f[1:])
	case "wait":
		return s.wait(f[1])
	case "disk":
		s.disk(strings.Join(f[1:], " "))
	case "addresses":
		m := &eventMore{}
		for _, a := range f[1:] {
			m.addrs = append(m.addrs, netip.MustParseAddrPort(a))
		}
		s.step(event{kind: evAddresses, more: m})
	case "dial-failed":
		s.step(event{kind: evDialFailed, more: &eventMore{addr: netip.MustParseAddrPort(f[1])}, err: errors.New("refused")})
	case "self":
		s.step(event{kind: evDialFailed, more: &eventMore{addr: netip.MustParseAddrPort(f[1])}, err: ErrSelf})
	case "grant":
		s.step(event{kind: evGrant, up: int64(number(f[1])), down: int64(number(f[2]))})
	case "pause":
		s.step(event{kind: evPause})
	case "resume":
		s.step(event{kind: evResume})
	case "recheck":
		s.step(event{kind: evRecheck})
	case "fail":
		s.step(event{kind: evFail, err: errors.New(strings.Join(f[1:], " "))})
	case "unreadable":
		s.step(event{kind: evReadFailed, block: s.info.BlockAt(number(f[1]), 0), err: errors.New("input/output error")})
	case "memory":
		s.mem = int64(number(f[1]))
	case "priorities":
		s.step(event{kind: evPriorities, more: &eventMore{files: digits(f[1])}})
	case "sequential":
		s.step(event{kind: evSequential, n: number(f[1])})
	case "slots":
		s.step(event{kind: evSlots, n: number(f[1])})
	case "max-peers":
		s.step(event{kind: evMaxPeers, n: number(f[1])})
	case "max-dials":
		s.step(event{kind: evMaxDials, n: number(f[1])})
	case "busy":
		s.step(event{kind: evDialFailed, more: &eventMore{addr: netip.MustParseAddrPort(f[1])}, err: ErrBusy})
	case "show":
		s.show()
	case "files":
		s.files()
	default:
		return s.peerDoes(piece.PeerID(number(f[0])), f[1:])
	}
	return nil
}

func (s *script) torrent(args []string) error {
	s.now, s.jobs, s.mem = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), nil, 64<<20
	s.mute, s.links = map[string]bool{}, map[piece.PeerID][]metainfo.Block{}
	pieces, blocks := 4, 2
	var have, check, files string
	cfg := Config{Host: scriptHost{s: s}, Seed: 1, Client: "shoal", Port: 6881, PeerID: [20]byte{'-', 'S', 'H'}}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		switch k {
		case "pieces":
			pieces = number(v)
		case "blocks":
			blocks = number(v)
		case "have":
			have = v
		case "check":
			check = v
		case "slots":
			cfg.UploadSlots = number(v)
		case "peers":
			cfg.MaxPeers = number(v)
		case "limited":
			cfg.LimitedUp, cfg.LimitedDown = strings.Contains(v, "up"), strings.Contains(v, "down")
		case "paused":
			cfg.Paused = true
		case "files": // lengths in blocks; "p" before one means padding
			files = v
		case "priorities":
			cfg.Priorities = digits(v)
		case "sequential":
			cfg.Sequential = true
		case "super-seed":
			if v == "off" {
				cfg.SuperSeed = SuperOff
			}
		default:
			return fmt.Errorf("unknown word %q", a)
		}
	}
	s.info = testInfo(pieces, blocks)
	if files != "" {
		s.info = testFiles(blocks, fileList(files)...)
		pieces = s.info.NumPieces()
	}
	cfg.Info, cfg.Have, cfg.Check = s.info, set(pieces, have), set(pieces, check)
	s.c = newCore(&cfg)
	s.c.start(s.now)
	return nil
}

func (s *script) peer(f []string) error {
	id := piece.PeerID(number(f[0]))
	h := Hello{Addr: netip.MustParseAddrPort(f[1])}
	copy(h.PeerID[:], fmt.Sprintf("-XX0001-%012d", id))
	for _, w := range f[2:] {
		k, v, _ := strings.Cut(w, "=")
		switch k {
		case "in":
			h.Incoming = true
		case "fast":
			h.Fast = true
		case "ext":
			h.Extended = true
		case "id":
			copy(h.PeerID[:], v)
		default:
			return fmt.Errorf("unknown word %q", w)
		}
	}
	s.step(event{kind: evAttached, peer: id, more: &eventMore{hello: h}})
	return nil
}

// wait moves the clock, with a turn whenever the core wants one.
func (s *script) wait(d string) error {
	dt, err := time.ParseDuration(d)
	if err != nil {
		return err
	}
	end := s.now.Add(dt)
	for {
		next := s.c.next()
		if next.IsZero() || next.After(end) {
			break
		}
		s.now = next
		before := s.log.Len()
		s.settle()
		if s.log.Len() > before {
			tail := s.log.String()[before:]
			head := s.log.String()[:before]
			s.log.Reset()
			fmt.Fprintf(&s.log, "%sat %v\n", head, s.now.Sub(s.c.epoch))
			for line := range strings.Lines(tail) {
				s.log.WriteString("  " + line)
			}
		}
	}
	s.now = end
	return nil
}

// disk ends all jobs that are out: with an error, or as the hashes say.
func (s *script) disk(errText string) {
	jobs := s.jobs
	s.jobs = nil
	for _, j := range jobs {
		r := piece.Result{Job: j, Count: len(j.Blocks)}
		switch {
		case errText == "damaged":
		case errText != "":
			r.Err = errors.New(errText)
		case j.Kind == piece.Commit:
			sum := sha1.New()
			for _, b := range j.Blocks {
				sum.Write(b.Bytes())
				r.Digests = append(r.Digests, sha1.Sum(b.Bytes()))
			}
			r.OK = bytes.Equal(sum.Sum(nil), hashOf(s.info, j.Piece))
		default:
			r.OK = true
		}
		for _, b := range j.Blocks {
			b.Release()
		}
		j.Blocks = nil
		s.step(event{kind: evDisk, result: r})
	}
}

func (s *script) show() {
	t := s.c.snapshot()
	fmt.Fprintf(&s.log, "%v: %d of %d pieces, %d peers, %d seeds, %d candidates, %d banned, %d failed pieces, %d bytes wasted",
		t.Phase, t.PiecesHave, t.Pieces, t.Peers, t.Seeds, t.Candidates, t.Banned, t.FailedPieces, t.Wasted)
	if t.Err != "" {
		fmt.Fprintf(&s.log, ", because %s", t.Err)
	}
	s.log.WriteString("\n")
	for i, p := range s.c.peerList() {
		fmt.Fprintf(&s.log, "  %d: has %.0f %%, queue %d, snubbed %v, unchoked %v\n", s.c.peers[i].id, 100*p.Have, p.Queue, p.Snubbed, !p.AmChoking)
	}
}

func (s *script) files() {
	t := s.c.snapshot()
	fmt.Fprintf(&s.log, "%v: %d of %d wanted bytes of %d\n", t.Phase, t.Have, t.Wanted, t.Size)
	for _, f := range s.c.fileList() {
		fmt.Fprintf(&s.log, "  %s: %d of %d, priority %d\n", f.Path, f.Have, f.Length, f.Priority)
	}
}
