package portmap

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// NAT-PMP (RFC 6886). Replies have the operation of their request plus opReply.
const (
	pmpPort    = 5351
	opAddress  = 0
	opUDP      = 1
	opTCP      = 2
	opReply    = 128
	pmpFirst   = 250 * time.Millisecond // until the first repetition; then twice as long
	pmpTries   = 3
	addressLen = 12 // bytes of a reply
	mappingLen = 16
)

// errReply is a packet that is no answer to what was asked.
var errReply = errors.New("not a NAT-PMP reply")

// pmpError is a result code of RFC 6886, section 3.5.
type pmpError uint16

func (e pmpError) Error() string {
	words := []string{"success", "unsupported version", "refused", "network failure", "out of resources", "unsupported operation"}
	if int(e) < len(words) {
		return "NAT-PMP: the router says: " + words[e]
	}
	return fmt.Sprintf("NAT-PMP: the router says: code %d", uint16(e))
}

// appendMapping appends a request for a mapping, or with a lifetime of 0 for its end.
func appendMapping(b []byte, op byte, internal, external uint16, lifetime time.Duration) []byte {
	b = append(b, 0, op, 0, 0)
	b = binary.BigEndian.AppendUint16(b, internal)
	b = binary.BigEndian.AppendUint16(b, external)
	return binary.BigEndian.AppendUint32(b, uint32(lifetime/time.Second))
}

// pmpReply is a reply to either request.
type pmpReply struct {
	address            netip.Addr
	internal, external uint16
	lifetime           time.Duration
}

// parseReply reads the reply to a request with operation op. A pmpError is what the router said, errReply
// what it cannot have meant for us.
func parseReply(b []byte, op byte) (r pmpReply, err error) {
	if len(b) < 4 || b[0] != 0 || b[1] != op+opReply {
		return r, errReply
	}
	if code := binary.BigEndian.Uint16(b[2:]); code != 0 {
		return r, pmpError(code)
	}
	if op == opAddress {
		if len(b) < addressLen {
			return r, errReply
		}
		r.address = netip.AddrFrom4([4]byte(b[8:12]))
		return r, nil
	}
	if len(b) < mappingLen {
		return r, errReply
	}
	r.internal, r.external = binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	r.lifetime = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Second
	return r, nil
}

// pmp is a router that speaks NAT-PMP.
type pmp struct {
	net     Net
	gateway netip.AddrPort
}

func (*pmp) method() string { return "NAT-PMP" }

func (p *pmp) external(ctx context.Context) (netip.Addr, error) {
	r, err := p.call(ctx, []byte{0, opAddress}, func(pmpReply) bool { return true })
	return r.address, err
}

func (p *pmp) add(ctx context.Context, proto protocol, internal, external uint16, lease time.Duration) (grant, error) {
	r, err := p.call(ctx, appendMapping(nil, opOf(proto), internal, external, lease), func(r pmpReply) bool { return r.internal == internal })
	if err == nil && (r.external == 0 || r.lifetime == 0) {
		err = errReply
	}
	return grant{r.external, r.lifetime}, err
}

func (p *pmp) remove(ctx context.Context, proto protocol, internal, _ uint16) error {
	_, err := p.call(ctx, appendMapping(nil, opOf(proto), internal, 0, 0), func(r pmpReply) bool { return r.internal == internal })
	return err
}

func opOf(proto protocol) byte {
	if proto == tcp {
		return opTCP
	}
	return opUDP
}

// call sends a request, repeats it, and waits for the reply that fits.
func (p *pmp) call(ctx context.Context, request []byte, fits func(pmpReply) bool) (pmpReply, error) {
	c, err := p.net.ListenPacket(ctx, "udp4", ":0")
	if err != nil {
		return pmpReply{}, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 64)
	wait := pmpFirst
	for range pmpTries {
		if _, err := c.WriteTo(request, net.UDPAddrFromAddrPort(p.gateway)); err != nil {
			return pmpReply{}, err
		}
		_ = c.SetReadDeadline(time.Now().Add(wait)) // fails only when closed
		wait *= 2
		for ctx.Err() == nil {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				break
			}
			if a, ok := from.(*net.UDPAddr); !ok || a.AddrPort().Port() != pmpPort || a.AddrPort().Addr().Unmap() != p.gateway.Addr() {
				continue
			}
			r, err := parseReply(buf[:n], request[1])
			if errors.Is(err, errReply) || err == nil && !fits(r) {
				continue
			}
			return r, err
		}
		if err := ctx.Err(); err != nil {
			return pmpReply{}, err
		}
	}
	return pmpReply{}, errors.New("NAT-PMP: no answer")
}
