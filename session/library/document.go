package library

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"shoal/internal/fsys"
	"shoal/session/state"
)

// maxDocument bounds a document in bytes.
const maxDocument = 16 << 20

// document is a file of the state folder beside the entries: settings, totals. Like an entry it has two names, of which the
// older generation is written over. The store's goroutine writes it, Library.mu guards what is next.
type document struct {
	name, magic string
	serial      int64
	next        []byte
	alt, there  bool // where the newest generation lies; the store's goroutine alone looks at it
}

func (d *document) path(alt bool) string {
	if alt {
		return d.name + "2"
	}
	return d.name
}

// load returns the newest valid generation, nil when there is none, and what was wrong with others.
func (d *document) load(dir fsys.FS) (body []byte, notes []error) {
	for _, alt := range []bool{false, true} {
		b, err := state.ReadFile(dir, d.path(alt), maxDocument)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			b, err = state.Unseal(d.magic, b)
		}
		if err == nil && len(b) < 8 {
			err = state.ErrDamaged
		}
		if err != nil {
			notes = append(notes, fmt.Errorf("%s: %w", d.path(alt), err))
			continue
		}
		if n := int64(binary.BigEndian.Uint64(b)); body == nil || n > d.serial {
			body, d.serial, d.alt, d.there = b[8:], n, alt, true
		}
	}
	return body, notes
}

// write writes over the older generation.
func (d *document) write(dir fsys.FS, b []byte) error {
	alt := d.there && !d.alt
	err := writeOver(dir, d.path(alt), b)
	if err == nil {
		err = dir.SyncDir(".")
	}
	if err != nil {
		return fmt.Errorf("save %s: %w", d.name, err)
	}
	d.alt, d.there = alt, true
	return nil
}
