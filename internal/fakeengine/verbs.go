package fakeengine

import (
	"context"
	"fmt"
	"net/netip"
	"path"
	"slices"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// Peers are the connections of every torrent.
var Peers = []status.Peer{
	{Addr: netip.MustParseAddrPort("192.0.2.7:51413"), PeerID: [20]byte([]byte("-XX0000-123456789012")), Source: "tracker", Client: "Some client 1.0", Encrypted: true, Have: 1, Down: 200_000, DownTotal: 1 << 20,
		AmChoking: true, AmInterested: true, Queue: 12},
	{Addr: netip.MustParseAddrPort("[2001:db8::9]:6881"), Client: "Another", Source: "incoming", Incoming: true, Have: 0.25, Up: 9_000, UpTotal: 1 << 19,
		PeerChoking: true, PeerInterested: true},
}

func (e *Engine) Start(_ context.Context, id metainfo.ID, now bool) error {
	verb := "start"
	if now {
		verb = "start now"
	}
	return e.on(verb, id, func(x *status.Entry) error {
		x.Stopped, x.GoalReached, x.Phase = false, false, status.Leeching
		if x.Wanted > 0 && x.Have == x.Wanted {
			x.Phase = status.Seeding
		}
		return nil
	})
}

func (e *Engine) Stop(_ context.Context, id metainfo.ID) error {
	return e.on("stop", id, func(x *status.Entry) error { x.Stopped, x.Phase = true, status.Paused; return nil })
}

func (e *Engine) Remove(_ context.Context, id metainfo.ID, how status.Removal) error {
	if err := e.fault("remove"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	i := e.find(id)
	if i < 0 {
		return status.ErrUnknown
	}
	x := e.list[i]
	e.list = slices.Delete(e.list, i, i+1)
	e.gone[x.Number] = e.tick()
	if how.Undo > 0 {
		e.removed[id] = x
	}
	e.calls = append(e.calls, fmt.Sprintf("remove %s data=%t undo=%v", x.Name, how.Data, how.Undo))
	return nil
}

func (e *Engine) Restore(_ context.Context, id metainfo.ID) error {
	if err := e.fault("restore"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	x, ok := e.removed[id]
	if !ok {
		return status.ErrUnknown
	}
	delete(e.removed, id)
	e.numbers++
	x.Number = e.numbers
	e.list = append(e.list, x)
	e.touch(len(e.list) - 1)
	e.calls = append(e.calls, "restore "+x.Name)
	return nil
}

func (e *Engine) Verify(_ context.Context, id metainfo.ID) error {
	return e.on("verify", id, func(x *status.Entry) error { x.Verifying = true; return nil })
}

func (e *Engine) Announce(_ context.Context, id metainfo.ID) error {
	return e.on("announce", id, func(*status.Entry) error { return nil })
}

func (e *Engine) Move(_ context.Context, id metainfo.ID, dir string, data bool) error {
	return e.on(fmt.Sprintf("move %s data=%t", dir, data), id, func(x *status.Entry) error {
		if !e.inside(dir) {
			return fmt.Errorf("%s: %w", dir, status.ErrOutside)
		}
		x.Dir = dir
		return nil
	})
}

func (e *Engine) Rename(ctx context.Context, id metainfo.ID, old, name string) error {
	files, err := e.Files(ctx, id)
	if err != nil {
		return err
	}
	return e.on("rename "+old+" to "+name, id, func(x *status.Entry) error {
		if old == x.Name {
			x.Name = name
			return nil
		}
		i := slices.IndexFunc(files, func(f status.File) bool { return f.Path == old })
		if i < 0 {
			return fmt.Errorf("%s: %w", old, status.ErrNoFile)
		}
		files[i].Path = path.Join(path.Dir(old), name)
		e.files[id] = files
		return nil
	})
}

func (e *Engine) Change(ctx context.Context, id metainfo.ID, c status.Change) error {
	files, err := e.Files(ctx, id)
	if err != nil && c.Files != nil {
		return err
	}
	return e.on("change", id, func(x *status.Entry) error {
		for i, p := range c.Files {
			if i >= len(files) {
				return status.ErrNoFile
			}
			files[i].Wanted, files[i].Priority = p > 0, p
		}
		if c.Files != nil {
			e.files[id] = files
		}
		change(x, c)
		return nil
	})
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func change(x *status.Entry, c status.Change) {
	put(&x.Labels, c.Labels)
	put(&x.DownLimit, c.DownLimit)
	put(&x.UpLimit, c.UpLimit)
	put(&x.Exempt, c.Exempt)
	put(&x.MaxPeers, c.MaxPeers)
	put(&x.Priority, c.Priority)
	put(&x.Sequential, c.Sequential)
	put(&x.Ratio, c.Ratio)
	put(&x.Idle, c.Idle)
	put(&x.SeedTime, c.SeedTime)
	put(&x.Trackers, c.Trackers)
	put(&x.QueuePosition, c.QueuePosition)
	put(&x.Group, c.Group)
}

func (e *Engine) Queue(_ context.Context, ids []metainfo.ID, to status.QueueMove) error {
	if err := e.fault("queue"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, fmt.Sprintf("queue %d of %d", to, len(ids)))
	for n, id := range ids {
		i := e.find(id)
		if i < 0 {
			return status.ErrUnknown
		}
		switch to {
		case status.QueueTop:
			e.list[i].QueuePosition = n
		case status.QueueUp:
			e.list[i].QueuePosition = max(0, e.list[i].QueuePosition-1)
		case status.QueueDown:
			e.list[i].QueuePosition++
		case status.QueueBottom:
			e.list[i].QueuePosition = len(e.list) - len(ids) + n
		}
		e.touch(i)
	}
	return nil
}

func (e *Engine) Settings(context.Context) (status.Settings, error) {
	if err := e.fault("settings"); err != nil {
		return status.Settings{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.settings, nil
}

func (e *Engine) Set(_ context.Context, s status.Settings) error {
	if err := e.fault("set"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s.HookAdded, s.HookDone, s.HookSeeded, s.HookError = e.settings.HookAdded, e.settings.HookDone, e.settings.HookSeeded, e.settings.HookError
	e.settings = s
	e.calls = append(e.calls, "set")
	return nil
}

func (e *Engine) Stats(context.Context) (status.Stats, error) {
	if err := e.fault("stats"); err != nil {
		return status.Stats{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	s := status.Stats{Torrents: len(e.list), DownTotal: 5 << 30, UpTotal: 1 << 30, Listen: []netip.AddrPort{netip.MustParseAddrPort("[::]:6881")},
		External: netip.MustParseAddr("198.51.100.4"), Reach: status.Reach{Mapped: true, Method: "UPnP", External: netip.MustParseAddrPort("198.51.100.4:6881"), Incoming: true},
		DHT: []status.DHT{{Good: 123, Nodes: 200, Online: true}}, DHTEvery: 20 * time.Minute}
	for i := range e.list {
		s.Down, s.Up, s.Peers = s.Down+e.list[i].Down, s.Up+e.list[i].Up, s.Peers+e.list[i].Peers
	}
	return s, nil
}

func (e *Engine) Totals(context.Context) (status.Totals, error) {
	if err := e.fault("totals"); err != nil {
		return status.Totals{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	t := status.Totals{Now: status.Sum{Down: 1 << 20, Up: 1 << 19, Added: 1, Starts: 1, Active: time.Minute},
		Ever: status.Sum{Down: 5 << 30, Up: 1 << 30, Added: 40, Starts: 9, Active: 100 * time.Hour}}
	for i := range e.list {
		if e.list[i].Stopped {
			t.Stopped++
		} else {
			t.Running++
		}
	}
	return t, nil
}

// Rates grow by a byte a second from step to step: those of a torrent begin with 0, those of all with 1,000.
func (e *Engine) Rates(ctx context.Context, id metainfo.ID) ([]status.Rate, time.Duration, error) {
	if id == (metainfo.ID{}) {
		return rates(300, 1000), time.Second, e.fault("rates")
	}
	if _, err := e.Entry(ctx, id); err != nil {
		return nil, 0, err
	}
	return rates(60, 0), 5 * time.Second, e.fault("rates")
}

func rates(n int, first int64) (list []status.Rate) {
	for i := range int64(n) {
		list = append(list, status.Rate{Down: first + i, Up: i / 2})
	}
	return list
}

func (e *Engine) Space(_ context.Context, dir string) (free, total int64, err error) {
	if err := e.fault("space"); err != nil {
		return 0, 0, err
	}
	return 500 << 30, 1000 << 30, nil
}

func (e *Engine) UpdateBlocklist(context.Context) (int, error) {
	if err := e.fault("blocklist"); err != nil {
		return 0, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settings.Rules = 393_006
	e.calls = append(e.calls, "blocklist")
	return e.settings.Rules, nil
}

func (e *Engine) Log(_ context.Context, after int64) ([]status.LogLine, error) {
	if err := e.fault("log"); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.log[min(int64(len(e.log)), max(0, after)):]), nil
}

func (e *Engine) Shutdown(context.Context) error {
	if err := e.fault("shutdown"); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = true
	e.calls = append(e.calls, "shutdown")
	return nil
}
