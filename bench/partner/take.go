//go:build linux

package partner

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"shoal/metainfo"
)

// taker takes the blocks of a torrent in order, over all its connections together. What it gets it drops.
type taker struct {
	spec  Spec
	hash  metainfo.Hash
	depth int          // requests that each connection has on its way
	next  atomic.Int64 // block to ask for
	left  atomic.Int64 // bytes that nobody has asked for yet
	got   atomic.Int64
	over  context.CancelFunc
}

func take(ctx context.Context, s Spec, tell func(Told)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A few thousand requests in all keep any client busy; a hundred times more would be what no swarm does.
	t := &taker{spec: s, depth: min(max(2048/max(s.Connections, 1), 16), 256), over: cancel}
	var err error
	if t.hash, err = s.hash(); err != nil {
		return err
	}
	t.left.Store(s.Bytes)
	began := time.Now()
	var group sync.WaitGroup
	failed := make(chan error, s.Connections)
	for range s.Connections {
		group.Go(func() { failed <- t.connection(ctx) })
	}
	group.Wait()
	if t.got.Load() < s.Bytes {
		return fmt.Errorf("got %d of %d bytes: %w", t.got.Load(), s.Bytes, <-failed)
	}
	tell(Told{Event: Done, Took: time.Since(began)})
	return nil
}

func (t *taker) connection(ctx context.Context) error {
	l, err := t.spec.dial(ctx, t.hash, 256<<10)
	if err != nil {
		return err
	}
	defer l.conn.Close()
	stop := context.AfterFunc(ctx, func() { l.conn.Close() })
	defer stop()
	if err := l.write(frame(nil, msgInterested)); err != nil {
		return err
	}
	var asked []int64 // sizes of the requests on their way, the oldest first
	welcome := false
	for {
		if welcome && len(asked) <= t.depth/2 {
			if asked, err = t.ask(l, asked); err != nil {
				return err
			}
		}
		l.conn.SetReadDeadline(time.Time{})
		if welcome && len(asked) == 0 { // what others lose may have to be asked for here
			l.conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		}
		if _, err := l.in.Peek(4); err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return err
		}
		id, n, err := l.next(nil)
		if err != nil {
			return err
		}
		switch id {
		case msgUnchoke:
			welcome = true
		case msgChoke: // all that was asked is lost
			welcome = false
			for _, n := range asked {
				t.left.Add(n)
			}
			asked = asked[:0]
		case msgPiece:
			if len(asked) > 0 {
				asked = asked[1:]
			}
			if t.got.Add(int64(n-8)) >= t.spec.Bytes {
				t.over()
				return nil
			}
		}
	}
}

// ask fills the requests of a connection up.
func (t *taker) ask(l *link, asked []int64) ([]int64, error) {
	var b []byte
	for len(asked) < t.depth {
		offset := (t.next.Add(1) - 1) * blockSize % t.spec.Size
		n := min(blockSize, t.spec.Size-offset, t.spec.PieceLength-offset%t.spec.PieceLength)
		if t.left.Add(-n) < 1-n { // nothing was left
			t.left.Add(n)
			break
		}
		b = t.spec.request(b, offset, n)
		asked = append(asked, n)
	}
	if len(b) == 0 {
		return asked, nil
	}
	return asked, l.write(b)
}
