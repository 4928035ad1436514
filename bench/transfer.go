//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"shoal/bench/clients"
	"shoal/bench/figures"
	"shoal/bench/partner"
	"shoal/bench/stage"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// transfer is one torrent that moves between a client under test and a partner.
type transfer struct {
	client      string
	torrent     *stage.Torrent
	partner     string // own, or a client
	connections int
	rc4         bool
	dir         string // to download into, the work folder when ""
}

// start starts a client with an empty folder for its own files, which goes with the returned function.
func (w *world) start(ctx context.Context, name string, j clients.Job) (*clients.Running, func(), error) {
	c := w.clients[name]
	if c == nil {
		return nil, nil, fmt.Errorf("no client %q", name)
	}
	state, remove, err := w.folder("")
	if err != nil {
		return nil, nil, err
	}
	j.State = state
	r, err := c.Start(ctx, j)
	if err != nil {
		remove()
		return nil, nil, err
	}
	return r, func() { r.Stop(); remove() }, nil
}

// leech has a client download from a partner.
func (w *world) leech(ctx context.Context, t transfer) (figures.Sample, error) {
	out, remove, err := w.folder(t.dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	w.busy.Forget(t.torrent)
	from, me := w.address(), w.address()
	other, stop, err := w.server(ctx, t, from)
	if err != nil {
		return nil, err
	}
	defer stop()
	j := clients.Job{Torrent: t.torrent.File, Folder: out, Addr: me, RC4: t.rc4, Whole: w.busy.Expect(me)}
	if t.client == "limit" {
		j.Addr = from
	}
	before := other.CPU()
	r, stop, err := w.start(ctx, t.client, j)
	if err != nil {
		return nil, err
	}
	defer stop()
	wall, err := r.Done(ctx)
	if err != nil {
		return nil, err
	}
	s := sample(wall, r.CPU(), r.Peak(), t.torrent.Size)
	s[figures.Partner] = (other.CPU() - before).Seconds() * gib / float64(t.torrent.Size)
	r.Stop()
	name := t.torrent.Name
	if t.client == "limit" {
		name = "limit"
	}
	return s, whole(t.torrent, filepath.Join(out, name))
}

// whole fails when a file is not what the torrent has.
func whole(t *stage.Torrent, name string) error {
	same, err := t.Same(name)
	if err == nil && !same {
		err = errors.New("what was downloaded is wrong")
	}
	return err
}

func sample(wall float64, cpu time.Duration, peak, size int64) figures.Sample {
	return figures.Sample{figures.Wall: wall, figures.Rate: float64(size) / mib / wall,
		figures.CPU: cpu.Seconds() * gib / float64(size), figures.Peak: float64(peak) / mib}
}

// server starts who serves a torrent to the client of a transfer.
func (w *world) server(ctx context.Context, t transfer, at netip.AddrPort) (*clients.Process, func(), error) {
	if t.partner != "own" && t.client != "limit" {
		r, stop, err := w.start(ctx, t.partner, clients.Job{Seed: true, Torrent: t.torrent.File, Folder: filepath.Dir(t.torrent.Data),
			Addr: at, RC4: t.rc4, Whole: w.busy.Expect(at)})
		if err != nil {
			return nil, nil, err
		}
		return r.Process, stop, nil
	}
	spec := t.spec(partner.Serve, at)
	if t.client == "limit" {
		spec.Role = partner.Send
	}
	s, err := w.partner(spec)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.expect(ctx, partner.Ready); err != nil {
		s.stop()
		return nil, nil, err
	}
	w.busy.Add(t.torrent, at)
	return s.Process, s.stop, nil
}

func (t transfer) spec(role partner.Role, addr netip.AddrPort) partner.Spec {
	return partner.Spec{Role: role, Addr: addr.String(), InfoHash: t.torrent.InfoHash, PieceLength: t.torrent.PieceLength, Size: t.torrent.Size,
		File: t.torrent.Data, Connections: t.connections, Bytes: 0, RC4: t.rc4}
}

// seed has a client serve a partner that takes one copy.
func (w *world) seed(ctx context.Context, t transfer) (figures.Sample, error) {
	w.busy.Forget(t.torrent)
	at := w.address()
	r, stop, err := w.start(ctx, t.client, clients.Job{Seed: true, Torrent: t.torrent.File, Folder: filepath.Dir(t.torrent.Data), Addr: at,
		Peers: t.connections, RC4: t.rc4, Whole: w.busy.Expect(at)})
	if err != nil {
		return nil, err
	}
	defer stop()
	before := r.CPU()
	wall, other, err := w.taken(ctx, t, at)
	if err != nil {
		return nil, err
	}
	s := sample(wall, r.CPU()-before, r.Peak(), t.torrent.Size)
	s[figures.Partner] = other.Seconds() * gib / float64(t.torrent.Size)
	return s, nil
}

// taken has the partner take a copy from a client, and returns how long that took and what it cost the partner.
func (w *world) taken(ctx context.Context, t transfer, from netip.AddrPort) (wall float64, cost time.Duration, err error) {
	me := w.address()
	if t.partner == "own" {
		spec := t.spec(partner.Take, from)
		spec.From, spec.Bytes = me.Addr().String(), t.torrent.Size
		s, err := w.partner(spec)
		if err != nil {
			return 0, 0, err
		}
		defer s.stop()
		done, err := s.expect(ctx, partner.Done)
		if err == nil {
			err = s.Wait(ctx)
		}
		return done.Took.Seconds(), s.CPU(), err
	}
	out, remove, err := w.folder("")
	if err != nil {
		return 0, 0, err
	}
	defer remove()
	r, stop, err := w.start(ctx, t.partner, clients.Job{Torrent: t.torrent.File, Folder: out, Addr: me, RC4: t.rc4, Whole: w.busy.Expect(me)})
	if err != nil {
		return 0, 0, err
	}
	defer stop()
	wall, err = r.Done(ctx)
	return wall, r.CPU(), err
}

// realDisk makes a folder for downloads that is not in memory, and returns how to remove it.
func realDisk(dir string) (string, func(), error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", nil, err
	}
	if inMemory(dir) {
		return "", nil, fmt.Errorf("%s is in memory: name a folder on a disk with -dir", dir)
	}
	made, err := os.MkdirTemp(dir, "run-")
	return made, func() { os.RemoveAll(made) }, err
}
