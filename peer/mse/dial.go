package mse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"shoal/metainfo"
)

// protocol is what a remote says that takes our key for a plain handshake.
const protocol = "\x13BitTorrent protocol"

// Dial makes the handshake for the torrent ih; we speak first. initial goes along, encrypted whatever the remote
// selects, and is at most MaxInitial bytes. The result has nothing Initial.
func Dial(nc io.ReadWriter, cfg Config, ih metainfo.Hash, initial []byte) (Result, error) {
	if len(initial) > MaxInitial {
		return Result{}, fmt.Errorf("initial payload of %d bytes, the limit is %d", len(initial), MaxInitial)
	}
	secret, err := exchange(nc, cfg)
	if err != nil {
		return Result{}, err
	}
	keys := newStreamKeys(&secret, ih)
	sent, err := offer(nc, cfg, &secret, keys, ih, initial)
	if err != nil {
		return Result{}, hungUp(err, ErrRefused)
	}
	method, got, err := selected(nc, cfg, keys)
	if err != nil {
		return Result{}, hungUp(err, ErrRefused)
	}
	res := Result{Method: method, InfoHash: ih}
	if method == RC4 {
		res.Stream = &Stream{out: cipher(keys.dialler, sent), in: cipher(keys.acceptor, got)}
	}
	return res, nil
}

// exchange sends our key and reads theirs.
func exchange(nc io.ReadWriter, cfg Config) (secret [keyLen]byte, err error) {
	x := newPrivate()
	var ours, theirs [keyLen]byte
	if err := cfg.work(func() { ours = x.public() }); err != nil {
		return secret, err
	}
	if _, err := nc.Write(pad(ours[:])); err != nil {
		return secret, unspoken(err)
	}
	n, err := io.ReadFull(nc, theirs[:len(protocol)])
	if err == nil && string(theirs[:n]) == protocol {
		return secret, fmt.Errorf("%w: it answered with a plain handshake", ErrUnspoken)
	}
	if err == nil {
		_, err = io.ReadFull(nc, theirs[n:])
	}
	if err != nil {
		return secret, unspoken(noEOF(err))
	}
	if err := checkKey(&theirs); err != nil {
		return secret, err
	}
	if cfg.Spoken != nil {
		cfg.Spoken()
	}
	return secret, cfg.work(func() { secret = x.secret(&theirs) })
}

// offer sends our methods and the initial payload. It returns how many bytes of our stream that took.
func offer(nc io.Writer, cfg Config, secret *[keyLen]byte, keys streamKeys, ih metainfo.Hash, initial []byte) (int, error) {
	sync, veil, mask := digest("req1", secret[:]), Veil(ih), digest("req3", secret[:])
	b := append(make([]byte, 0, 2*hashLen+fieldLen+2+len(initial)), sync[:]...)
	for i := range veil {
		b = append(b, veil[i]^mask[i])
	}
	clear := len(b)
	b = appendField(b, cfg.Methods)
	b = binary.BigEndian.AppendUint16(b, uint16(len(initial)))
	b = append(b, initial...)
	cipher(keys.dialler, 0).xor(b[clear:])
	_, err := nc.Write(b)
	return len(b) - clear, err
}

// selected reads what the remote selected. It returns how many bytes of its stream that took.
func selected(nc io.Reader, cfg Config, keys streamKeys) (Methods, int, error) {
	var field [fieldLen]byte
	cipher(keys.acceptor, 0).xor(field[:])
	key, rest := field[:len(constant)], field[len(constant):] // what zeros become, and the key of the rest
	if err := find(nc, key); err != nil {
		return 0, 0, err
	}
	var b [fieldLen - len(constant)]byte
	if _, err := io.ReadFull(nc, b[:]); err != nil {
		return 0, 0, noEOF(err)
	}
	for i := range b {
		b[i] ^= rest[i]
	}
	method := Methods(binary.BigEndian.Uint32(b[:]))
	if method != Plain && method != RC4 || method&cfg.Methods == 0 {
		return 0, 0, fmt.Errorf("%w: it selected %#x of %#x", ErrProtocol, uint32(method), uint32(cfg.Methods))
	}
	n, err := padLen(b[4:])
	if err == nil {
		err = skip(nc, n)
	}
	return method, fieldLen + n, err
}

// unspoken adds ErrUnspoken to an end or a silence of the connection.
func unspoken(err error) error {
	var t net.Error
	if errors.As(err, &t) && t.Timeout() {
		return fmt.Errorf("%w: %w", ErrUnspoken, err)
	}
	return hungUp(err, ErrUnspoken)
}

// hungUp adds a meaning to errors that say that the remote has closed the connection.
func hungUp(err, meaning error) error {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, wsaReset, wsaAborted} {
		if errors.Is(err, end) {
			return fmt.Errorf("%w: %w", meaning, err)
		}
	}
	return err
}

// What Windows says; syscall has no portable names for it.
const (
	wsaAborted = syscall.Errno(10053)
	wsaReset   = syscall.Errno(10054)
)
