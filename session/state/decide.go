package state

import "shoal/metainfo"

// Decision says what to do with each piece at the start: take it as verified,
// hash it, or (neither) fetch it.
type Decision struct {
	Trust, Check metainfo.Bitfield
}

// Decide compares a record with the files. r is nil when there is none (or none that
// could be read). files describes the torrent's files now. hasData reports
// whether any byte of a piece is stored; it is asked only where the answer
// counts, and may be slow.
//
// The rules, in the order in which they matter:
//  1. Pieces are trusted as far as the record claims them: Have during the
//     same start of the machine or after an orderly end with everything
//     synced, else Synced only.
//  2. No piece of a file that changed is trusted, nor one beyond its end.
//  3. What is not trusted is hashed if data may be there: always where the
//     record claimed it or is missing; elsewhere only if the process did not
//     end in order.
//  4. Pieces in doubt are fetched again while the page cache may hide the
//     loss.
func Decide(r *Record, bootID string, info *metainfo.Info, files []File, hasData func(i int) bool) Decision {
	n := info.NumPieces()
	d := Decision{Trust: metainfo.NewBitfield(n), Check: metainfo.NewBitfield(n)}
	if r == nil || r.ID.Wire() == (metainfo.Hash{}) || len(r.Files) != len(info.Files()) || r.Have.Len() != n || r.Synced.Len() != n {
		for i := range n {
			if hasData(i) {
				d.Check.Set(i)
			}
		}
		return d
	}
	sameBoot := bootID != "" && bootID == r.BootID
	good := make([]bool, len(files))
	for i := range files {
		good[i] = r.Files[i].same(files[i])
	}
	var spans []metainfo.Span
	for i := range n {
		claimed := r.Synced.Has(i) || sameBoot && r.Have.Has(i)
		spans = info.AppendSpans(spans[:0], info.PieceOffset(i), int64(info.PieceSize(i)))
		intact := true
		for _, s := range spans {
			if info.Files()[s.File].Pad {
				continue
			}
			f := &files[s.File]
			intact = intact && good[s.File] && f.Exists && s.Offset+s.Length <= f.Size
		}
		switch {
		case claimed && intact:
			d.Trust.Set(i)
		case sameBoot && r.Doubt.Has(i):
		case !r.Clean || r.Have.Has(i) || !allGood(spans, good):
			if hasData(i) {
				d.Check.Set(i)
			}
		}
	}
	return d
}

// allGood reports whether every file that the spans touch is as recorded. A
// changed file is hashed wherever it has data: someone may have put it there
// for us.
func allGood(spans []metainfo.Span, good []bool) bool {
	for _, s := range spans {
		if !good[s.File] {
			return false
		}
	}
	return true
}
