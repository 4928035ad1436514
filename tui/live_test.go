package tui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// fakeBackend shows what it is told to.
type fakeBackend struct {
	status.Backend
	mu       sync.Mutex
	torrents []status.Torrent
	err      error
	looks    int
}

func (f *fakeBackend) Torrents(context.Context) ([]status.Torrent, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	return f.torrents, f.err
}

func (f *fakeBackend) set(err error, ts ...status.Torrent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.torrents, f.err = ts, err
}

// lockedBuffer is a terminal that only records.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// waitFor looks until the buffer holds s.
func (l *lockedBuffer) waitFor(t *testing.T, s string) {
	t.Helper()
	end := time.NewTimer(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(l.String(), s) {
		select {
		case <-end.C:
			t.Fatalf("never saw %q in %q", s, l.String())
		case <-tick.C:
		}
	}
}

func TestLiveDrawsAndLeavesTheLastState(t *testing.T) {
	b := &fakeBackend{}
	b.set(nil, status.Torrent{ID: metainfo.ID{V1: metainfo.Hash{1}}, Name: "x.bin", Phase: status.Leeching, Size: 100, Wanted: 100, Have: 40, ETA: -1})
	out := &lockedBuffer{}
	l := NewLive(b, out, Style{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	out.waitFor(t, " 40%")
	fmt.Fprint(l, "half a ")
	fmt.Fprint(l, "line\nand another\nno end")
	out.waitFor(t, "half a line")
	out.waitFor(t, "and another")
	b.set(nil, status.Torrent{Name: "x.bin", Phase: status.Leeching, Size: 100, Wanted: 100, Have: 90, ETA: -1})
	out.waitFor(t, " 90%")
	b.set(nil, status.Torrent{Name: "x.bin", Phase: status.Seeding, Size: 100, Wanted: 100, Have: 100})
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.Contains(got, "x.bin  seeding") {
		t.Errorf("the last state is not on the screen: %q", got)
	}
	if !strings.HasSuffix(got, "no end\n") {
		t.Errorf("the unfinished line is lost: %q", got)
	}
	for _, bad := range []string{"\x1b[?1049h", "\x1b[?2004h", "\x1b[?1000h", "\x1b[6n", "\x1b]11;?"} {
		if strings.Contains(got, bad) {
			t.Errorf("the terminal was switched with %q", bad)
		}
	}
	if hide, show := strings.LastIndex(got, "\x1b[?25l"), strings.LastIndex(got, "\x1b[?25h"); show < hide {
		t.Error("the cursor stays hidden")
	}
	if _, err := fmt.Fprint(l, "after\n"); err != nil || !strings.HasSuffix(out.String(), "after\n") {
		t.Errorf("writing after the end: %v", err)
	}
}

func TestLiveKeepsWhatItKnewWhenTheEngineIsGone(t *testing.T) {
	b := &fakeBackend{}
	b.set(nil, status.Torrent{Name: "x.bin", Phase: status.Seeding})
	out := &lockedBuffer{}
	l := NewLive(b, out, Style{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	out.waitFor(t, "x.bin")
	b.set(errors.New("gone"))
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestViewOfManyTorrents(t *testing.T) {
	m := model{width: 80}
	for i := range 100 {
		m.torrents = append(m.torrents, status.Torrent{Name: fmt.Sprint("t", i), Phase: status.Seeding})
	}
	lines := strings.Split(m.View(), "\n")
	if len(lines) != maxLines+1 || lines[maxLines] != "and 88 more" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-1])
	}
}

func TestLastViewHasNoBarThatStoppedMoving(t *testing.T) {
	m := model{width: 80, done: true, torrents: []status.Torrent{{Name: "half", Phase: status.Leeching, Wanted: 100, Have: 50}, {Name: "all", Phase: status.Seeding}}}
	if got := m.View(); strings.Contains(got, "half") || !strings.Contains(got, "all") {
		t.Errorf("%q", got)
	}
}
