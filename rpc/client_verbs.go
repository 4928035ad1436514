package rpc

import (
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// on calls a method that acts on one torrent. Transmission answers success for torrents that it does not have, so it is asked first.
func (c *Client) on(ctx context.Context, id metainfo.ID, method string, args map[string]any) error {
	if _, _, err := askOne[struct {
		ID wireInt `json:"id"`
	}](ctx, c, id); err != nil {
		return err
	}
	if args == nil {
		args = map[string]any{}
	}
	args["ids"] = []string{id.String()}
	return c.act(ctx, method, args, nil)
}

// act calls a method that changes something, after which the list is looked at as a whole.
func (c *Client) act(ctx context.Context, method string, args map[string]any, out any) error {
	defer c.list.stale()
	return c.call(ctx, method, args, out)
}

// Start implements status.Engine.
func (c *Client) Start(ctx context.Context, id metainfo.ID, now bool) error {
	if now {
		return c.on(ctx, id, "torrent-start-now", nil)
	}
	return c.on(ctx, id, "torrent-start", nil)
}

// Stop implements status.Engine.
func (c *Client) Stop(ctx context.Context, id metainfo.ID) error {
	return c.on(ctx, id, "torrent-stop", nil)
}

// Verify implements status.Engine.
func (c *Client) Verify(ctx context.Context, id metainfo.ID) error {
	return c.on(ctx, id, "torrent-verify", nil)
}

// Announce implements status.Engine.
func (c *Client) Announce(ctx context.Context, id metainfo.ID) error {
	return c.on(ctx, id, "torrent-reannounce", nil)
}

// Remove implements status.Engine.
func (c *Client) Remove(ctx context.Context, id metainfo.ID, how status.Removal) error {
	args := map[string]any{"delete-local-data": how.Data}
	if how.Undo > 0 {
		d, err := c.daemon(ctx)
		if err == nil {
			err = d.needs(0, "a removal that can be undone")
		}
		if err != nil {
			return err
		}
		args["shoal_undo_seconds"] = how.Undo.Seconds()
	}
	return c.on(ctx, id, "torrent-remove", args)
}

// only calls a method that shoal alone has.
func (c *Client) only(ctx context.Context, what, method string, args map[string]any, out any) error {
	d, err := c.daemon(ctx)
	if err == nil {
		err = d.needs(0, what)
	}
	if err != nil {
		return err
	}
	return c.act(ctx, method, args, out)
}

// Restore implements status.Engine.
func (c *Client) Restore(ctx context.Context, id metainfo.ID) error {
	return c.only(ctx, "undoing a removal", "shoal_torrent_restore", map[string]any{"hashes": []string{id.String()}}, nil)
}

// Move implements status.Engine.
func (c *Client) Move(ctx context.Context, id metainfo.ID, dir string, data bool) error {
	return c.on(ctx, id, "torrent-set-location", map[string]any{"location": dir, "move": data})
}

// Rename implements status.Engine.
func (c *Client) Rename(ctx context.Context, id metainfo.ID, path, name string) error {
	return c.on(ctx, id, "torrent-rename-path", map[string]any{"path": path, "name": name})
}

// Queue implements status.Engine.
func (c *Client) Queue(ctx context.Context, ids []metainfo.ID, to status.QueueMove) error {
	words := [...]string{"top", "up", "down", "bottom"}
	if int(to) >= len(words) {
		return fmt.Errorf("queue move %d: %w", to, status.ErrNotOffered)
	}
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id.String()
	}
	if len(list) == 0 {
		return nil
	}
	return c.act(ctx, "queue-move-"+words[to], map[string]any{"ids": list}, nil)
}

// Add implements status.Engine. Transmission is told what it does not take while adding in a second call; if that one fails, the
// torrent is there all the same.
func (c *Client) Add(ctx context.Context, a status.NewTorrent) (status.Entry, bool, error) {
	d, err := c.daemon(ctx)
	if err != nil {
		return status.Entry{}, false, err
	}
	args := map[string]any{}
	switch {
	case a.Metainfo != nil:
		args["metainfo"] = base64.StdEncoding.EncodeToString(a.Metainfo)
	case !a.Local && !remoteSource(a.Source):
		return status.Entry{}, false, fmt.Errorf("%q: a path on the daemon's machine is not allowed here: name a magnet link, an info hash or a URL", a.Source)
	default:
		args["filename"] = a.Source
	}
	if a.Cookies != "" {
		args["cookies"] = a.Cookies
	}
	if a.Dir != "" {
		args["download-dir"] = a.Dir
	}
	if a.Stopped {
		args["paused"] = true
	}
	if !d.shoal && a.Metainfo != nil && len(a.Files) > 0 {
		if a.Files, err = withPadding(a.Metainfo, a.Files); err != nil {
			return status.Entry{}, false, err
		}
	}
	more, err := changeArgs(d, a.Change, nil)
	if err != nil {
		return status.Entry{}, false, err
	}
	rest := a.Change
	if d.shoal {
		maps.Copy(args, more)
		args["shoal_first"] = a.First
		rest, a.First = status.Change{}, false
	} else {
		filesInto(args, a.Files)
		rest.Files = nil
	}
	id, added, err := c.add(ctx, args)
	if err != nil {
		return status.Entry{}, false, err
	}
	if added {
		if err = c.Change(ctx, id, rest); err == nil && a.First {
			err = c.Queue(ctx, []metainfo.ID{id}, status.QueueTop)
		}
		if err != nil {
			return status.Entry{}, true, fmt.Errorf("it was added, but: %w", err)
		}
	}
	e, err := c.Entry(ctx, id)
	return e, added, err
}

// withPadding are files by the numbers that Transmission gives them, for which padding (BEP 47) is files like others.
func withPadding(torrent []byte, files map[int]uint8) (map[int]uint8, error) {
	t, err := metainfo.Parse(torrent)
	if err != nil {
		return nil, err
	}
	numbers, next := make(map[int]uint8, len(files)), 0
	for i, f := range t.Info.Files() {
		if f.Pad {
			continue
		}
		if p, ok := files[next]; ok {
			numbers[i] = p
		}
		next++
	}
	return numbers, nil
}

// add adds a torrent and tells which one that is.
func (c *Client) add(ctx context.Context, args map[string]any) (id metainfo.ID, added bool, err error) {
	type one struct {
		Hash string `json:"hashString"`
	}
	var w struct {
		Added     *one `json:"torrent-added"`
		Duplicate *one `json:"torrent-duplicate"`
	}
	if err := c.act(ctx, "torrent-add", args, &w); err != nil {
		return id, false, addFailure(err)
	}
	it := w.Added
	if it == nil {
		it = w.Duplicate
	}
	if it == nil {
		return id, false, fmt.Errorf("torrent-add: %w: it names no torrent", ErrAnswer)
	}
	if id, err = metainfo.ParseID(it.Hash); err != nil {
		return id, false, fmt.Errorf("torrent-add: %w: it names no info hash", ErrAnswer)
	}
	return id, w.Added != nil, nil
}

// addFailure gives what says that a torrent is bad the error of package metainfo.
func addFailure(err error) error {
	if strings.Contains(err.Error(), "invalid or corrupt torrent file") {
		return fmt.Errorf("the daemon says: %w", metainfo.ErrInvalid)
	}
	return err
}

// remoteSource reports whether a source means the same everywhere.
func remoteSource(s string) bool {
	if metainfo.IsMagnet(s) || strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
		return true
	}
	_, err := metainfo.ParseID(s)
	return err == nil
}

// Change implements status.Engine.
func (c *Client) Change(ctx context.Context, id metainfo.ID, ch status.Change) error {
	d, err := c.daemon(ctx)
	if err != nil {
		return err
	}
	var have []wireTracker
	if ch.Trackers != nil && !d.shoal && d.version < listVersion {
		w, _, err := askOne[struct {
			Trackers []wireTracker `json:"trackers"`
		}](ctx, c, id)
		if err != nil {
			return err
		}
		have = w.Trackers
	}
	args, err := changeArgs(d, ch, have)
	if err != nil || len(args) == 0 {
		return err
	}
	if len(ch.Files) > 0 {
		files, err := c.Files(ctx, id)
		if err != nil {
			return err
		}
		for i := range ch.Files {
			if i < 0 || i >= len(files) {
				return fmt.Errorf("file %d of %d: %w", i, len(files), status.ErrNoFile)
			}
		}
	}
	return c.on(ctx, id, "torrent-set", args)
}

// listVersion is the RPC version that has trackerList.
const listVersion = 17

// changeArgs are the arguments of torrent-set for a change; have are the trackers of now where trackers change and have no list.
func changeArgs(d daemon, ch status.Change, have []wireTracker) (map[string]any, error) {
	args := map[string]any{}
	if ch.Labels != nil {
		if err := d.needs(16, "labels"); err != nil {
			return nil, err
		}
		args["labels"] = noNil(*ch.Labels)
	}
	limitInto(args, d, "download", "shoal_down_limit", ch.DownLimit)
	limitInto(args, d, "upload", "shoal_up_limit", ch.UpLimit)
	if ch.Exempt != nil {
		args["honorsSessionLimits"] = !*ch.Exempt
	}
	if ch.MaxPeers != nil {
		args["peer-limit"] = *ch.MaxPeers
	}
	if ch.Priority != nil {
		args["bandwidthPriority"] = *ch.Priority
	}
	if ch.Sequential != nil {
		if err := d.needs(18, "sequential downloading"); err != nil {
			return nil, err
		}
		args["sequential_download"] = *ch.Sequential
	}
	if g := ch.Ratio; g != nil {
		goalInto(args, "seedRatioMode", "seedRatioLimit", g.Mode, g.Value)
	}
	if g := ch.Idle; g != nil {
		goalInto(args, "seedIdleMode", "seedIdleLimit", g.Mode, int64((g.Value+time.Minute-1)/time.Minute))
		if d.shoal && g.Mode == status.GoalOwn {
			args["shoal_idle_seconds"] = g.Value.Seconds()
		}
	}
	if g := ch.SeedTime; g != nil {
		if err := d.needs(0, "a goal in time"); err != nil {
			return nil, err
		}
		goalInto(args, "shoal_seed_time_mode", "shoal_seed_time_limit", g.Mode, g.Value.Seconds())
	}
	if ch.Trackers != nil {
		trackersInto(args, d, *ch.Trackers, have)
	}
	if ch.QueuePosition != nil {
		args["queuePosition"] = *ch.QueuePosition
	}
	if ch.Group != nil {
		if err := d.needs(17, "groups"); err != nil {
			return nil, err
		}
		args["group"] = *ch.Group
	}
	filesInto(args, ch.Files)
	return args, nil
}

// noNil is a list that is written as [] when it is empty.
func noNil(list []string) []string { return append([]string{}, list...) }

// limitInto adds a limit in kB/s, rounded up, and for shoal in bytes.
func limitInto(args map[string]any, d daemon, name, exact string, n *int64) {
	switch {
	case n == nil:
	case d.shoal:
		args[exact] = *n
	default:
		args[name+"Limited"] = *n > 0
		if *n > 0 {
			args[name+"Limit"] = (*n + kilo - 1) / kilo
		}
	}
}

func goalInto(args map[string]any, mode, limit string, m status.GoalMode, value any) {
	args[mode] = int(m)
	if m == status.GoalOwn {
		args[limit] = value
	}
}

// trackersInto adds a new list of trackers. Daemons without trackerList are told what to take out and what to add; each tracker is a
// tier of its own then.
func trackersInto(args map[string]any, d daemon, tiers [][]string, have []wireTracker) {
	if d.shoal || d.version >= listVersion {
		args["trackerList"] = trackerList(tiers)
		return
	}
	want := map[string]bool{}
	for _, tier := range tiers {
		for _, u := range tier {
			want[u] = true
		}
	}
	var out []int64
	for _, t := range have {
		if !want[t.Announce] {
			out = append(out, int64(t.ID))
		}
		delete(want, t.Announce)
	}
	if len(out) > 0 {
		args["trackerRemove"] = out
	}
	var add []string
	for _, tier := range tiers {
		for _, u := range tier {
			if want[u] {
				add = append(add, u)
				delete(want, u)
			}
		}
	}
	if len(add) > 0 {
		args["trackerAdd"] = add
	}
}

// filesInto adds which files are wanted, and how much.
func filesInto(args map[string]any, files map[int]uint8) {
	into := func(name string, i int) {
		list, _ := args[name].([]int)
		args[name] = append(list, i)
	}
	for _, i := range slices.Sorted(maps.Keys(files)) {
		p := files[i]
		if p == 0 {
			into("files-unwanted", i)
			continue
		}
		into("files-wanted", i)
		into([...]string{"priority-low", "priority-normal", "priority-high"}[min(p, 3)-1], i)
	}
}
