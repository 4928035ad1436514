package rpc

import (
	"cmp"
	"errors"
	"slices"

	"shoal/metainfo"
	"shoal/status"
)

// column is one field of an answer, under the spelling that was asked for.
type column struct {
	*field[view]
	prefix []byte // its name and a colon, as JSON
}

// maxColumns is how many fields one answer has; the table has fewer.
const maxColumns = 256

// columns reads the argument fields. Names that nobody knows are left out.
func (c *call) columns() (cols []column, want needs, err error) {
	seen := map[string]bool{}
	named := false
	c.arg("fields").each(func(one value) bool {
		name, ok := one.str()
		if !ok {
			return true
		}
		named = true
		f := torrentByName[fold(name)]
		if f == nil || seen[name] {
			return true
		}
		seen[name] = true
		want |= f.needs
		cols = append(cols, column{f, append(appendString(nil, name), ':')})
		return len(cols) < maxColumns
	})
	if !named {
		return nil, 0, errFields
	}
	return cols, want, nil
}

func torrentGet(c *call, b []byte) ([]byte, error) {
	cols, want, err := c.columns()
	if err != nil {
		return b, err
	}
	now := c.s.now()
	sel, err := c.selection()
	if err != nil {
		return b, err
	}
	format, _ := c.arg("format").str()
	table := format == "table"
	b = append(b, `{"torrents":[`...)
	start := len(b)
	if table {
		b = appendList(b, cols, func(b []byte, col column) []byte { return append(b, col.prefix[:len(col.prefix)-1]...) })
	}
	v := view{old: c.old, now: now, ids: &c.s.trackers}
	if want&needSettings != 0 {
		set, err := c.s.engine.Settings(c.ctx)
		if err != nil {
			return b, err
		}
		v.maxPeers = set.MaxPeersEach
		want &^= needSettings
	}
	err = sel.each(c, func(e *status.Entry) error {
		v.e = e
		if ok, err := c.load(&v, want); err != nil || !ok {
			return err
		}
		if len(b) > start {
			b = append(b, ',')
		}
		if b = appendRow(b, cols, &v, table); len(b)-start > maxAnswer {
			return errTooMuch
		}
		return nil
	})
	if err != nil {
		return b, err
	}
	b = append(b, ']')
	if sel.recent {
		b = appendList(append(b, `,"removed":`...), sel.gone, appendInt)
		b = appendMilli(append(b, `,"shoal_now":`...), now)
	}
	return append(b, '}'), nil
}

func appendRow(b []byte, cols []column, v *view, table bool) []byte {
	open, shut := byte('{'), byte('}')
	if table {
		open, shut = '[', ']'
	}
	b = append(b, open)
	from := len(b)
	for i := range cols {
		if len(b)-from > maxAnswer {
			break // one name in many spellings: the caller refuses
		}
		if i > 0 {
			b = append(b, ',')
		}
		if !table {
			b = append(b, cols[i].prefix...)
		}
		b = cols[i].write(b, v)
	}
	return append(b, shut)
}

// load asks for what the fields need besides the entry; false when the torrent has gone meanwhile. Files that are not known yet are none.
func (c *call) load(v *view, want needs) (bool, error) {
	if want == 0 {
		return true, nil
	}
	v.files, v.peers, v.trackers, v.details = nil, nil, nil, status.Details{}
	var errs [4]error
	if want&needFiles != 0 {
		v.files, errs[0] = c.s.engine.Files(c.ctx, v.e.ID)
	}
	if want&needPeers != 0 {
		v.peers, errs[1] = c.s.engine.Peers(c.ctx, v.e.ID)
	}
	if want&needTrackers != 0 {
		v.trackers, errs[2] = c.s.engine.Trackers(c.ctx, v.e.ID)
	}
	if want&needDetails != 0 {
		v.details, errs[3] = c.s.engine.Details(c.ctx, v.e.ID)
	}
	for _, err := range errs {
		switch {
		case errors.Is(err, status.ErrUnknown):
			return false, nil
		case err != nil && !errors.Is(err, status.ErrNoMetadata):
			return false, err
		}
	}
	return true, nil
}

// forEach runs do for every torrent that ids names, and returns the first error. What has gone meanwhile needs nothing done to it.
func (c *call) forEach(b []byte, do func(e *status.Entry) error) ([]byte, error) {
	sel, err := c.selection()
	broken := sel.each(c, func(e *status.Entry) error {
		if failed := do(e); failed != nil && !errors.Is(failed, status.ErrUnknown) && err == nil {
			err = failed
		}
		return nil
	})
	return append(b, "{}"...), cmp.Or(err, broken)
}

func torrentStart(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Start(c.ctx, e.ID, false) })
}

func torrentStartNow(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Start(c.ctx, e.ID, true) })
}

func torrentStop(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Stop(c.ctx, e.ID) })
}

func torrentVerify(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Verify(c.ctx, e.ID) })
}

func torrentReannounce(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Announce(c.ctx, e.ID) })
}

// maxUndo is the longest time for which a removal can be undone, seconds.
const maxUndo = 60

// torrentRemove demands ids: what is not said is not "all of them".
func torrentRemove(c *call, b []byte) ([]byte, error) {
	if ids := c.arg("ids"); ids == nil || ids.isNull() || c.arg("shoal_since") != nil {
		return b, errNoIDs
	}
	data, err := c.flag("delete_local_data", false)
	if err != nil {
		return b, err
	}
	undo := 0.0
	if v := c.arg("shoal_undo_seconds"); v != nil {
		var ok bool
		if undo, ok = v.float(); !ok || undo < 0 || undo > maxUndo {
			return b, wrong("shoal_undo_seconds", "a number from 0 to 60")
		}
	}
	how := status.Removal{Data: data, Undo: seconds(undo)}
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Remove(c.ctx, e.ID, how) })
}

func torrentRestore(c *call, b []byte) ([]byte, error) {
	count, bad := 0, error(nil)
	c.arg("hashes").each(func(one value) bool {
		text, _ := one.str()
		id, err := metainfo.ParseID(text)
		if count++; count > maxIDs {
			err = errTooManyIDs
		}
		if err == nil {
			err = c.s.engine.Restore(c.ctx, id)
		} else {
			err = wrong("hashes", "a list of info hashes")
		}
		bad = err
		return err == nil
	})
	if count == 0 {
		return b, wrong("hashes", "a list of info hashes")
	}
	return append(b, "{}"...), bad
}

func torrentLocation(c *call, b []byte) ([]byte, error) {
	dir, err := folder(c.arg("location"))
	if err != nil {
		return b, err
	}
	move, err := c.flag("move", false)
	if err != nil {
		return b, err
	}
	return c.forEach(b, func(e *status.Entry) error { return c.s.engine.Move(c.ctx, e.ID, dir, move) })
}

func torrentRename(c *call, b []byte) ([]byte, error) {
	sel, err := c.selection()
	if err != nil {
		return b, err
	}
	path, ok1 := c.arg("path").str()
	name, ok2 := c.arg("name").str()
	n, id, number := 0, metainfo.ID{}, 0
	err = sel.each(c, func(e *status.Entry) error { n, id, number = n+1, e.ID, e.Number; return nil })
	if err != nil {
		return b, err
	}
	if n != 1 || !ok1 || !ok2 {
		return b, wrong("ids, path and name", "one torrent and two strings")
	}
	if err := c.s.engine.Rename(c.ctx, id, path, name); err != nil {
		return b, err
	}
	b = appendString(append(b, `{"path":`...), path)
	b = appendString(append(b, `,"name":`...), name)
	return append(appendInt(append(b, `,"id":`...), number), '}'), nil
}

func queueTop(c *call, b []byte) ([]byte, error)    { return c.queue(b, status.QueueTop) }
func queueUp(c *call, b []byte) ([]byte, error)     { return c.queue(b, status.QueueUp) }
func queueDown(c *call, b []byte) ([]byte, error)   { return c.queue(b, status.QueueDown) }
func queueBottom(c *call, b []byte) ([]byte, error) { return c.queue(b, status.QueueBottom) }

func (c *call) queue(b []byte, to status.QueueMove) ([]byte, error) {
	sel, err := c.selection()
	if err != nil {
		return b, err
	}
	var ids []metainfo.ID
	if err := sel.each(c, func(e *status.Entry) error { ids = append(ids, e.ID); return nil }); err != nil {
		return b, err
	}
	if len(ids) > 0 {
		err = c.s.engine.Queue(c.ctx, ids, to)
	}
	if errors.Is(err, status.ErrUnknown) {
		err = nil
	}
	return append(b, "{}"...), err
}

// notAdded are the changes that a torrent which is added cannot have.
var notAdded = []string{"location", "tracker_add", "tracker_remove", "tracker_replace"}

// edits reads the arguments of torrent_set or torrent_add in the order of the table.
func (c *call) edits(x *edit) error {
	given := map[string]value{}
	c.args.members(func(name string, v value) {
		if !v.isNull() {
			given[fold(name)] = v
		}
	})
	for i := range changes {
		a := &changes[i]
		v, ok := given[fold(a.name)]
		if !ok || x.add && slices.Contains(notAdded, a.name) {
			continue
		}
		if err := a.set(x, v); err != nil {
			return err
		}
	}
	return nil
}

func torrentSet(c *call, b []byte) ([]byte, error) {
	return c.forEach(b, func(e *status.Entry) error {
		x := edit{e: e, ids: &c.s.trackers}
		var files []status.File
		x.files = func() (_ []status.File, err error) {
			if files == nil {
				files, err = c.s.engine.Files(c.ctx, e.ID)
			}
			return files, err
		}
		if err := c.edits(&x); err != nil {
			return err
		}
		if err := c.s.engine.Change(c.ctx, e.ID, x.Change); err != nil {
			return err
		}
		if x.Trackers != nil {
			c.s.trackers.change(e, *x.Trackers)
		}
		if x.location == "" {
			return nil
		}
		return c.s.engine.Move(c.ctx, e.ID, x.location, true)
	})
}
