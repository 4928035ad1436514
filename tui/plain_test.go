package tui

import (
	"strings"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

func TestPlainSaysStartTenthsAndEnd(t *testing.T) {
	p := NewPlain(nil, nil, false)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := status.Torrent{Name: "a\x1b[2Jb", Phase: status.Opening, Size: 1000, Wanted: 1000, ETA: -1}
	var lines []string
	say := func(after time.Duration) {
		now = now.Add(after)
		if l, ok := p.step(now, &s); ok {
			lines = append(lines, l)
		}
	}
	say(0)
	s.Phase = status.Leeching
	for i := range 1001 {
		s.Have, s.Down, s.ETA = int64(i), 1000, time.Duration(1000-i)*time.Millisecond
		say(time.Millisecond)
	}
	s.Have, s.Phase = 1000, status.Seeding
	say(0)
	say(time.Second)     // nothing new
	say(5 * time.Minute) // nothing sent
	s.UpTotal = 500
	say(time.Second)
	say(time.Minute)
	got := strings.Join(lines, "\n")
	if len(lines) != 1+11+1+1 {
		t.Errorf("%d lines:\n%s", len(lines), got)
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("foreign control character: %q", got)
	}
	if want := "a␛[2Jb: downloading, 50% of 1.0 kB, 1.0 kB/s down, 0 B/s up, 0 peers, 1s left"; !strings.Contains(got, want) {
		t.Errorf("no line %q in\n%s", want, got)
	}
	if want := "a␛[2Jb: seeding, 0 B/s up, 0 peers, 500 B sent, ratio 0.50"; lines[len(lines)-1] != want {
		t.Errorf("last line %q", lines[len(lines)-1])
	}
}

func TestPlainSaysDoneWhereSeedingIsNotTheAim(t *testing.T) {
	p := NewPlain(nil, nil, true)
	s := status.Torrent{Name: "a", Phase: status.Seeding, Size: 1000, Wanted: 1000, Have: 1000}
	if got, ok := p.step(time.Now(), &s); !ok || got != "a: done, 1.0 kB" {
		t.Errorf("it says %q, %v", got, ok)
	}
}

func TestPlainSpeaksEveryMinuteWhileSlow(t *testing.T) {
	p := NewPlain(nil, nil, false)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := status.Torrent{Phase: status.Leeching, Size: 1000, Wanted: 1000, ETA: -1}
	n := 0
	for range 600 {
		if _, ok := p.step(now, &s); ok {
			n++
		}
		now = now.Add(time.Second)
	}
	if n != 10 {
		t.Errorf("%d lines in ten minutes", n)
	}
}

// TestG05LookingForMetadata: it is seen that a magnet link is at work, and how many peers were asked, every minute.
func TestG05LookingForMetadata(t *testing.T) {
	p := NewPlain(nil, nil, true)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := status.Torrent{Name: "a", Phase: status.Metadata, ETA: -1}
	var lines []string
	for i := range 180 {
		s.Asked = i / 50
		if l, ok := p.step(now, &s); ok {
			lines = append(lines, l)
		}
		now = now.Add(time.Second)
	}
	if got := strings.Join(lines, "|"); got != "a: looking for metadata, 0 peers asked|a: looking for metadata, 1 peer asked|a: looking for metadata, 2 peers asked" {
		t.Error(got)
	}
	s.Metadata, s.MetadataHave = 5, 3
	if got := Words(&s, true); got != "a: looking for metadata, 3 peers asked, 3 of 5 pieces" {
		t.Error(got)
	}
	// Given up on the way: that is for the command to say, and nothing is done.
	s.Phase = status.Paused
	if got, ok := p.step(now, &s); ok {
		t.Error(got)
	}
}

func TestPlainLeavesFailuresToTheCommand(t *testing.T) {
	for _, s := range []status.Torrent{{Phase: status.Failed, Err: "no space"}, {Phase: status.Paused, Wanted: 1000, Have: 10}} {
		if got, ok := NewPlain(nil, nil, true).step(time.Now(), &s); ok {
			t.Errorf("it says %q", got)
		}
	}
}

func TestPlainEndsWithWhatIsAtRest(t *testing.T) {
	b := &fakeBackend{}
	b.set(nil, status.Torrent{ID: metainfo.ID{V1: metainfo.Hash{1}}, Name: "a", Phase: status.Leeching, Wanted: 1000, Have: 500},
		status.Torrent{ID: metainfo.ID{V1: metainfo.Hash{2}}, Name: "b", Phase: status.Seeding, Size: 1000, Wanted: 1000, Have: 1000})
	var out strings.Builder
	if err := NewPlain(b, &out, true).look(true); err != nil || out.String() != "b: done, 1.0 kB\n" {
		t.Errorf("it says %q, %v", out.String(), err)
	}
}
