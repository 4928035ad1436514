package rpc

import (
	"context"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"sync"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// index knows which torrent a number or hash stands for. It follows the engine's list, and is asked under its lock.
type index struct {
	mu      sync.Mutex
	since   time.Time
	numbers map[int]metainfo.ID
	hashes  map[string]metainfo.ID
}

// overlap is how much earlier than the last change seen is asked again: two changes may have one time.
const overlap = time.Second

// refresh hears what has changed.
func (x *index) refresh(ctx context.Context, engine status.Engine, trackers *trackerIDs) error {
	list, gone, err := engine.Entries(ctx, x.since)
	if err != nil {
		return err
	}
	if x.numbers == nil {
		x.numbers, x.hashes = make(map[int]metainfo.ID, len(list)), make(map[string]metainfo.ID, len(list))
	}
	for _, n := range gone {
		trackers.forget(n)
		id, ok := x.numbers[n]
		if !ok {
			continue
		}
		delete(x.numbers, n)
		for _, h := range hashesOf(id) {
			delete(x.hashes, h)
		}
	}
	last := x.since.Add(overlap)
	for i := range list {
		e := &list[i]
		if e.Changed.After(last) {
			last = e.Changed
		}
		if x.numbers[e.Number] == e.ID {
			if _, ok := x.hashes[e.ID.String()]; ok {
				continue
			}
		}
		x.numbers[e.Number] = e.ID
		for _, h := range hashesOf(e.ID) {
			x.hashes[h] = e.ID
		}
	}
	if last.After(x.since.Add(overlap)) {
		x.since = last.Add(-overlap)
	}
	return nil
}

// hashesOf are all names of a torrent: each half, and what v2 is cut to where twenty bytes are all there is.
func hashesOf(id metainfo.ID) []string {
	var list []string
	if id.HasV1() {
		list = append(list, id.V1.String())
	}
	if id.HasV2() {
		list = append(list, id.V2.String(), hex.EncodeToString(id.V2[:20]))
	}
	return list
}

// selection is what the argument ids of a call names.
type selection struct {
	named   []status.Entry // by the call, each for itself
	numbers []int          // of all torrents, or those that changed
	gone    []int          // with recent
	recent  bool
	given   bool // ids was there
}

// recently is how far back recently-active looks.
const recently = 60 * time.Second

// maxIDs is how many torrents one call may name.
const maxIDs = 100_000

var errTooManyIDs = errors.New("invalid argument: too many ids")

// selection reads ids: absent for all, a number, a hash, a list of both, or recently_active; and shoal_since, in milliseconds,
// for those that changed later.
func (c *call) selection() (sel selection, err error) {
	ids := c.arg("ids")
	if since, ok := c.arg("shoal_since").integer(); ok {
		sel.recent = true
		sel.numbers, sel.gone, err = c.s.engine.Numbers(c.ctx, milli(since))
		return sel, err
	}
	if ids == nil || ids.isNull() {
		sel.numbers, _, err = c.s.engine.Numbers(c.ctx, time.Time{})
		return sel, err
	}
	sel.given = true
	if s, ok := ids.str(); ok && ids.kind() == '"' && fold(s) == "recentlyactive" {
		sel.recent = true
		sel.numbers, sel.gone, err = c.s.engine.Numbers(c.ctx, c.s.now().Add(-recently))
		return sel, err
	}
	named, err := c.named(ids)
	for _, id := range named {
		e, err := c.s.engine.Entry(c.ctx, id)
		switch {
		case errors.Is(err, status.ErrUnknown):
		case err != nil:
			return sel, err
		default:
			sel.named = append(sel.named, e)
		}
	}
	return sel, err
}

// named are the torrents that ids names, each once. What names none is left out.
func (c *call) named(ids value) (list []metainfo.ID, err error) {
	x := &c.s.index
	x.mu.Lock()
	defer x.mu.Unlock()
	if err := x.refresh(c.ctx, c.s.engine, &c.s.trackers); err != nil {
		return nil, err
	}
	seen := map[metainfo.ID]bool{}
	count := 0
	ids.each(func(one value) bool {
		if count++; count > maxIDs {
			err = errTooManyIDs
			return false
		}
		id, ok := x.find(one)
		if ok && !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
		return true
	})
	return list, err
}

// find looks one id up: a hash, or a number in whatever form.
func (x *index) find(v value) (metainfo.ID, bool) {
	s, ok := v.str()
	if !ok {
		return metainfo.ID{}, false
	}
	if v.kind() == '"' && (len(s) == 40 || len(s) == 64) {
		id, ok := x.hashes[strings.ToLower(s)]
		return id, ok
	}
	n, ok := v.integer()
	if f, _ := v.float(); !ok || f != math.Trunc(f) {
		return metainfo.ID{}, false
	}
	id, ok := x.numbers[int(n)]
	return id, ok
}

// milli is a time in milliseconds since 1970; 0 is the zero time.
func milli(n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}
