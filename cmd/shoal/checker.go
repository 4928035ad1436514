package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/piece"
	"shoal/status"
)

// What check says of a file.
const (
	stateOK      = "ok"
	stateMissing = "missing"
	stateShort   = "short"
	stateLong    = "long"
	stateDamaged = "damaged"
	stateUnsure  = "unsure" // it shares its wrong pieces with a file that is not there in full
)

// checker compares a torrent's files with its hashes. To what shows progress it is a Backend
// with one torrent; only the atomic fields are read meanwhile.
type checker struct {
	status.Backend
	torrent *metainfo.Torrent
	store   *piece.Store
	dir     string
	looked  atomic.Int64 // pieces
	ok      metainfo.Bitfield
	have    atomic.Int64 // bytes of right pieces
	stats   []piece.FileStat
	failed  map[int]error // files that could not be read
}

func newChecker(t *metainfo.Torrent, store *piece.Store, dir string) *checker {
	return &checker{torrent: t, store: store, dir: dir, ok: metainfo.NewBitfield(t.Info.NumPieces()), failed: map[int]error{}}
}

// Torrents implements status.Backend as far as progress needs it.
func (c *checker) Torrents(context.Context) ([]status.Torrent, error) {
	in := c.torrent.Info
	t := status.Torrent{ID: c.torrent.ID, Name: in.Name(), Dir: c.dir, Phase: status.Checking, Size: in.Payload(), Wanted: in.Payload(),
		Have: min(c.have.Load(), in.Payload()), ETA: -1, Checked: 1, Pieces: in.NumPieces()}
	if n := in.NumPieces(); n > 0 {
		t.Checked = float64(c.looked.Load()) / float64(n)
	}
	return []status.Torrent{t}, nil
}

// run hashes every piece on some cores.
func (c *checker) run(ctx context.Context, cores int) error {
	c.stats = c.store.Stat()
	disk := piece.NewDisk(cores)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); _ = disk.Run(running) }()
	defer func() { stop(); <-ended }()
	room := 16 * cores                       // some that are hashed together, and more that wait
	results := make(chan piece.Result, room) // so that Done never blocks
	next, flying := 0, 0
	for next < c.torrent.Info.NumPieces() || flying > 0 {
		for flying < room && next < c.torrent.Info.NumPieces() && ctx.Err() == nil {
			disk.Submit(&piece.Job{Kind: piece.Verify, Store: c.store, Piece: next, Done: func(r piece.Result) { results <- r }})
			next++
			flying++
		}
		if flying == 0 {
			return ctx.Err()
		}
		c.note(<-results)
		flying--
	}
	return ctx.Err()
}

// note takes in how one piece is.
func (c *checker) note(r piece.Result) {
	c.looked.Add(1)
	if r.OK {
		c.ok.Set(r.Job.Piece)
		c.have.Add(int64(c.torrent.Info.PieceSize(r.Job.Piece)))
		return
	}
	if fe, ok := errors.AsType[*piece.FileError](r.Err); ok && fe.File >= 0 {
		c.failed[fe.File] = fe.Err
	}
}

// finding is what is wrong with one file.
type finding struct {
	state  string
	wrong  []int // pieces
	pieces int   // that the file has a part in
	size   int64 // on disk
	length int64 // as it should be
	why    string
}

// words says what is wrong, after the state.
func (f *finding) words() string {
	some := fmt.Sprintf("%d of %s wrong: %s", len(f.wrong), text.Count(f.pieces, "piece"), someRanges(f.wrong))
	switch {
	case f.why != "":
		return text.Clean(f.why, 0)
	case f.state == stateMissing:
		return text.Size(f.length)
	case f.state == stateLong && len(f.wrong) == 0:
		return fmt.Sprintf("%s instead of %d, no piece is wrong", text.Count(int(f.size), "byte"), f.length)
	case f.state == stateShort, f.state == stateLong:
		return fmt.Sprintf("%s instead of %d, %s", text.Count(int(f.size), "byte"), f.length, some)
	case f.state == stateUnsure:
		return some + ", shared with a file that is not there in full"
	}
	return some
}

// file says how file i is.
func (c *checker) file(i int) finding {
	f, st := &c.torrent.Info.Files()[i], &c.stats[i]
	found := finding{state: stateOK, size: st.Size, length: f.Length}
	own := false // a wrong piece lies between files that are all there
	var spans []metainfo.Span
	for p := range c.piecesOf(f) {
		found.pieces++
		if c.ok.Has(p) {
			continue
		}
		found.wrong = append(found.wrong, p)
		spans = c.torrent.Info.AppendSpans(spans[:0], c.torrent.Info.PieceOffset(p), int64(c.torrent.Info.PieceSize(p)))
		blame := false
		for _, s := range spans {
			blame = blame || s.File != i && c.lacks(s)
		}
		own = own || !blame
	}
	err := c.failed[i]
	if st.Err != nil {
		err = st.Err
	}
	switch {
	case err != nil:
		found.state, found.why = stateDamaged, err.Error()
	case !st.Exists:
		found.state = stateMissing
	case !st.Mode.IsRegular():
		found.state, found.why = stateDamaged, piece.ErrNotRegular.Error()
	case st.Size < f.Length:
		found.state = stateShort
	case st.Size > f.Length:
		found.state = stateLong
	case own:
		found.state = stateDamaged
	case len(found.wrong) > 0:
		found.state = stateUnsure
	}
	return found
}

// lacks reports whether the span's file is known to lack some of the span.
func (c *checker) lacks(s metainfo.Span) bool {
	st := &c.stats[s.File]
	return st.Stored && (st.Err != nil || !st.Exists || st.Size < s.Offset+s.Length || c.failed[s.File] != nil)
}

// piecesOf yields the pieces that a file has a part in.
func (c *checker) piecesOf(f *metainfo.File) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		if f.Length == 0 {
			return
		}
		size := c.torrent.Info.PieceLength()
		for p := f.Offset / size; p <= (f.Offset+f.Length-1)/size && yield(int(p)); p++ {
		}
	}
}

// right is the number of right bytes, padding left out, and of wrong pieces.
func (c *checker) right() (have int64, wrong int) {
	var spans []metainfo.Span
	in := c.torrent.Info
	for p := range in.NumPieces() {
		if !c.ok.Has(p) {
			wrong++
			continue
		}
		spans = in.AppendSpans(spans[:0], in.PieceOffset(p), int64(in.PieceSize(p)))
		for _, s := range spans {
			if !in.Files()[s.File].Pad {
				have += s.Length
			}
		}
	}
	return have, wrong
}
