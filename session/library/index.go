package library

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io/fs"

	"shoal/metainfo"
	"shoal/session/state"
)

// The index holds all entries in one file, for a fast start. It is a cache: it is written at an end in order, and taken away at the
// start, before anything is changed, so that there is none that is older than an entry.
const (
	indexName  = "index"
	indexMagic = "shoal index\n"
	maxIndex   = 1 << 30
)

// indexed is one torrent of the index.
type indexed struct {
	Alt   bool // the second name has the newest generation
	Entry wire
}

// loadIndex returns what the index knows of the torrents found, takes them out of found, and the index away. An index that
// cannot be used, or not be taken away, counts for nothing.
func (l *Library) loadIndex(found map[metainfo.ID]names) (out []loaded) {
	b, err := state.ReadFile(l.cfg.State, indexName, maxIndex)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		b, err = state.Unseal(indexMagic, b)
	}
	gone := l.cfg.State.Remove(indexName)
	if gone == nil {
		gone = l.cfg.State.SyncDir(".")
	}
	if err != nil || gone != nil {
		l.log.Warn("the index of the torrents is not used", "err", errors.Join(err, gone))
		return nil
	}
	d := gob.NewDecoder(bytes.NewReader(b))
	for {
		var x indexed
		if d.Decode(&x) != nil { // its checksum was right: this is the end
			return out
		}
		k, err := x.Entry.kept()
		if err != nil {
			continue
		}
		id := k.id
		files, ok := found[id]
		if !ok { // names have one half of a hybrid only
			id = nameID(id)
			files, ok = found[id]
		}
		if !ok || x.Alt && !files.alt || !x.Alt && !files.entry || k.flags.has(known) != files.torrent {
			continue // by the files, then
		}
		delete(found, id)
		out = append(out, loaded{*k, x.Alt, true})
	}
}

// nameID is what the name of a torrent's files says of its id.
func nameID(id metainfo.ID) metainfo.ID {
	out, err := metainfo.ParseID(id.String())
	if err != nil {
		return id
	}
	return out
}

// saveIndex writes the index, if all entries are on disk.
func (l *Library) saveIndex() {
	l.mu.Lock()
	complete := len(l.store.pending) == 0
	var body bytes.Buffer
	e := gob.NewEncoder(&body)
	for _, it := range l.items {
		if err := e.Encode(indexed{it.saved.alt, it.wire()}); err != nil || !it.saved.there {
			complete = false
			break
		}
	}
	l.mu.Unlock()
	if !complete || body.Len() == 0 {
		return
	}
	if err := state.WriteFile(l.cfg.State, indexName, state.Seal(indexMagic, body.Bytes())); err != nil {
		l.log.Debug("no index for the next start", "err", err)
	}
}
