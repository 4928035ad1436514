package state

import (
	"errors"
	"fmt"
	"io/fs"

	"shoal/internal/bencode"
	"shoal/internal/fsys"
	"shoal/metainfo"
)

// Move says that the files of a torrent are on their way from one folder to another. It is written before the first of them is moved. When all
// of them have arrived it stays, with Done, until the torrent is added in its new folder, for whoever still believes in the old one.
type Move struct {
	ID       metainfo.ID
	From, To string // folders as the user knows them
	Done     bool
}

type moveWire struct {
	Done int64  `bencode:"done"`
	From string `bencode:"from"`
	To   string `bencode:"to"`
	V1   []byte `bencode:"v1"`
	V2   []byte `bencode:"v2"`
}

// maxMove bounds what is read.
const maxMove = 64 << 10

// moveSuffix ends the name of a Move, which begins with the info hash.
const moveSuffix = ".move"

// SaveMove makes m durable.
func SaveMove(dir fsys.FS, m *Move) error {
	w := moveWire{From: m.From, To: m.To}
	if m.Done {
		w.Done = 1
	}
	if m.ID.HasV1() {
		w.V1 = m.ID.V1[:]
	}
	if m.ID.HasV2() {
		w.V2 = m.ID.V2[:]
	}
	body, err := bencode.Marshal(&w)
	if err != nil {
		return fmt.Errorf("encode the move of %v: %w", m.ID, err)
	}
	return WriteFile(dir, m.ID.String()+moveSuffix, Seal(magic, body))
}

// LoadMove returns the move of a torrent, nil when there is none. One that is damaged is an error that wraps ErrDamaged.
func LoadMove(dir fsys.FS, id metainfo.ID) (*Move, error) {
	b, err := ReadFile(dir, id.String()+moveSuffix, maxMove)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	m, err := DecodeMove(b)
	if err == nil && m.ID != id {
		err = fmt.Errorf("%w: the move of %v is of another torrent", ErrDamaged, id)
	}
	return m, err
}

// DecodeMove reads what SaveMove wrote.
func DecodeMove(b []byte) (*Move, error) {
	body, err := Unseal(magic, b)
	if err != nil {
		return nil, err
	}
	var w moveWire
	if err := bencode.Unmarshal(body, limits, &w); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	m := &Move{From: w.From, To: w.To, Done: w.Done == 1}
	if len(w.V1) != 0 && copy(m.ID.V1[:], w.V1) != len(w.V1) || len(w.V2) != 0 && copy(m.ID.V2[:], w.V2) != len(w.V2) {
		return nil, fmt.Errorf("%w: info hash has a wrong length", ErrDamaged)
	}
	return m, nil
}

// RemoveMove forgets the move of a torrent, if there is one.
func RemoveMove(dir fsys.FS, id metainfo.ID) error {
	err := dir.Remove(id.String() + moveSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("forget the move of %v: %w", id, err)
	}
	return dir.SyncDir(".")
}
