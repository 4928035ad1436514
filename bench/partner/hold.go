//go:build linux

package partner

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"shoal/metainfo"
)

// dialers is how many connections are made at once.
const dialers = 16

// dialAll makes the connections of a spec and says "interested" on each. Those that are refused are left out.
func (s Spec) dialAll(ctx context.Context) ([]*link, error) {
	ih, err := s.hash()
	if err != nil {
		return nil, err
	}
	links := make(chan *link, s.Connections)
	failed := make(chan error, s.Connections)
	var next atomic.Int64
	var group sync.WaitGroup
	for range dialers {
		group.Go(func() {
			for next.Add(1) <= int64(s.Connections) {
				if l, err := s.interested(ctx, ih); err != nil {
					failed <- err
				} else {
					links <- l
				}
			}
		})
	}
	group.Wait()
	close(links)
	var all []*link
	for l := range links {
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no connection at all: %w", <-failed)
	}
	return all, nil
}

func (s Spec) interested(ctx context.Context, ih metainfo.Hash) (*link, error) {
	l, err := s.dial(ctx, ih, 4<<10)
	if err != nil {
		return nil, err
	}
	return l, l.write(frame(nil, msgInterested))
}

// hold keeps connections open, as those are that wait for their turn, and tells at the end how many are left.
func hold(ctx context.Context, s Spec, tell func(Told)) error {
	links, err := s.dialAll(ctx)
	if err != nil {
		return err
	}
	var open atomic.Int64
	for _, l := range links {
		open.Add(1)
		go func() {
			defer open.Add(-1)
			for {
				if _, _, err := l.next(nil); err != nil {
					return
				}
			}
		}()
	}
	time.Sleep(time.Second)
	tell(Told{Event: Ready, Open: int(open.Load())})
	alive := time.NewTicker(100 * time.Second)
	defer alive.Stop()
	for {
		select {
		case <-ctx.Done():
			tell(Told{Event: Done, Open: int(open.Load())})
			return nil
		case <-alive.C:
			for _, l := range links {
				l.write(make([]byte, 4))
			}
		}
	}
}

// pacer is one connection that takes blocks at a steady rate.
type pacer struct {
	link    *link
	spec    Spec
	welcome atomic.Bool
	waiting atomic.Int64 // requests on their way
	got     atomic.Int64
}

// pacerDepth bounds the requests on their way: who is kept waiting falls behind, but not by much.
const pacerDepth = 32

// pace takes Rate over every connection and tells what each got in Window.
func pace(ctx context.Context, s Spec, tell func(Told)) error {
	links, err := s.dialAll(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pacers := make([]*pacer, len(links))
	chance := rand.New(rand.NewPCG(1, 2))
	for i, l := range links {
		p := &pacer{link: l, spec: s}
		pacers[i] = p
		go p.read()
		go p.ask(ctx, time.Duration(chance.Int64N(int64(p.every()))), chance.Int64N(s.Size/blockSize))
	}
	time.Sleep(s.Settle)
	before := counts(pacers)
	tell(Told{Event: Ready, Open: len(links)})
	time.Sleep(s.Window)
	shares := counts(pacers)
	for i := range shares {
		shares[i] -= before[i]
	}
	// Who was refused has a share of nothing.
	tell(Told{Event: Done, Shares: append(shares, make([]int64, s.Connections-len(shares))...)})
	return nil
}

func counts(pacers []*pacer) []int64 {
	all := make([]int64, len(pacers))
	for i, p := range pacers {
		all[i] = p.got.Load()
	}
	return all
}

// every is the time between two blocks.
func (p *pacer) every() time.Duration {
	return time.Duration(float64(time.Second) * blockSize / float64(p.spec.Rate))
}

// ask asks for one block after another, beginning with a block anywhere.
func (p *pacer) ask(ctx context.Context, phase time.Duration, block int64) {
	select {
	case <-time.After(phase):
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(p.every())
	defer tick.Stop()
	for {
		if p.welcome.Load() && p.waiting.Load() < pacerDepth {
			offset := block * blockSize % (p.spec.Size / blockSize * blockSize)
			block++
			p.waiting.Add(1)
			if p.link.write(p.spec.request(nil, offset, blockSize)) != nil {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *pacer) read() {
	for {
		id, n, err := p.link.next(nil)
		if err != nil {
			return
		}
		switch id {
		case msgUnchoke:
			p.welcome.Store(true)
		case msgChoke:
			p.welcome.Store(false)
			p.waiting.Store(0)
		case msgPiece:
			p.waiting.Add(-1)
			p.got.Add(int64(n - 8))
		}
	}
}
