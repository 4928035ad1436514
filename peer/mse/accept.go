package mse

import (
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"io"

	"shoal/metainfo"
)

// Accept makes the handshake with who speaks first. begun are bytes that were read already, fewer than a
// key has. find returns the torrent whose Veil it is given. Nothing is sent before there is
// a key that is one, and nothing that names a torrent before find has one.
func Accept(nc io.ReadWriter, cfg Config, begun []byte, find func(veil metainfo.Hash) (metainfo.Hash, bool)) (Result, error) {
	secret, err := answer(nc, cfg, begun)
	if err != nil {
		return Result{}, err
	}
	ih, err := named(nc, &secret, find)
	if err != nil {
		return Result{}, err
	}
	keys := newStreamKeys(&secret, ih)
	res := Result{InfoHash: ih}
	got, err := res.offered(nc, cfg, keys)
	if err != nil {
		return Result{}, err
	}
	b := appendField(make([]byte, 0, fieldLen), res.Method)
	out := cipher(keys.acceptor, 0)
	out.xor(b)
	if _, err := nc.Write(b); err != nil {
		return Result{}, err
	}
	if res.Method == RC4 {
		res.Stream = &Stream{out: out, in: cipher(keys.dialler, got)}
	}
	return res, nil
}

// answer reads their key and sends ours.
func answer(nc io.ReadWriter, cfg Config, begun []byte) (secret [keyLen]byte, err error) {
	var theirs, ours [keyLen]byte
	n := copy(theirs[:], begun)
	if _, err := io.ReadFull(nc, theirs[n:]); err != nil {
		return secret, noEOF(err)
	}
	if err := checkKey(&theirs); err != nil {
		return secret, err
	}
	x := newPrivate()
	if err := cfg.work(func() { ours, secret = x.public(), x.secret(&theirs) }); err != nil {
		return secret, err
	}
	_, err = nc.Write(pad(ours[:]))
	return secret, err
}

// named reads which torrent is meant.
func named(nc io.Reader, secret *[keyLen]byte, torrent func(veil metainfo.Hash) (metainfo.Hash, bool)) (metainfo.Hash, error) {
	sync, mask := digest("req1", secret[:]), digest("req3", secret[:])
	if err := find(nc, sync[:]); err != nil {
		return metainfo.Hash{}, err
	}
	var veil metainfo.Hash
	if _, err := io.ReadFull(nc, veil[:]); err != nil {
		return veil, noEOF(err)
	}
	subtle.XORBytes(veil[:], veil[:], mask[:])
	ih, ok := torrent(veil)
	if !ok {
		return ih, ErrUnknown
	}
	return ih, nil
}

// offered reads what the remote offers, chooses of it, and reads the initial payload. It returns how many
// bytes of the remote's stream that took.
func (res *Result) offered(nc io.Reader, cfg Config, keys streamKeys) (int, error) {
	var field [fieldLen]byte
	if _, err := io.ReadFull(nc, field[:]); err != nil {
		return 0, noEOF(err)
	}
	cipher(keys.dialler, 0).xor(field[:])
	if [len(constant)]byte(field[:]) != constant {
		return 0, fmt.Errorf("%w: wrong verification constant", ErrProtocol)
	}
	n, err := padLen(field[len(constant)+4:])
	if err != nil {
		return 0, err
	}
	provided := Methods(binary.BigEndian.Uint32(field[len(constant):]))
	switch common := provided & cfg.Methods; {
	case common&RC4 != 0:
		res.Method = RC4
	case common&Plain != 0:
		res.Method = Plain
	default:
		return 0, fmt.Errorf("%w: it offers %#x", ErrMethods, uint32(provided))
	}
	if err := skip(nc, n); err != nil {
		return 0, err
	}
	got := fieldLen + n
	var size [2]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return 0, noEOF(err)
	}
	cipher(keys.dialler, got).xor(size[:])
	got += len(size)
	n = int(binary.BigEndian.Uint16(size[:]))
	if n > MaxInitial {
		return 0, fmt.Errorf("%w: an initial payload of %d bytes", ErrProtocol, n)
	}
	res.Initial = make([]byte, n)
	if _, err := io.ReadFull(nc, res.Initial); err != nil {
		return 0, noEOF(err)
	}
	cipher(keys.dialler, got).xor(res.Initial)
	return got + n, nil
}
