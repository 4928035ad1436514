package guard

import "strconv"

// append writes m in canonical form (sorted keys, shortest numbers) behind dst. It
// is the only encoder: what the library reads and what the network reads of it comes
// from here, field by field.
func (m *message) append(dst []byte) []byte {
	dst = append(dst, 'd')
	switch m.kind {
	case 'q':
		dst = m.args.append(append(dst, "1:a"...), m.id)
	case 'e':
		dst = append(dst, "1:eli"...)
		dst = append(strconv.AppendInt(dst, m.code, 10), 'e')
		dst = append(str(dst, m.text), 'e')
	}
	dst = pair(dst, "2:ip", m.ip)
	switch m.kind {
	case 'q':
		dst = append(dst, "1:q"...)
		name := methodNames[m.method]
		dst = append(strconv.AppendInt(dst, int64(len(name)), 10), ':')
		dst = append(dst, name...)
	case 'r':
		dst = m.reply.append(append(dst, "1:r"...), m.id)
	}
	if m.ro {
		dst = append(dst, "2:roi1e"...)
	}
	dst = pair(dst, "1:t", m.t)
	return append(append(dst, "1:y1:"...), m.kind, 'e')
}

func (g *args) append(dst, id []byte) []byte {
	dst = pair(append(dst, 'd'), "2:id", id)
	dst = mark(dst, "12:implied_port", g.implied)
	dst = pair(dst, "9:info_hash", g.infoHash)
	dst = mark(dst, "6:noseed", g.noseed)
	if g.port != 0 {
		dst = append(strconv.AppendInt(append(dst, "4:porti"...), g.port, 10), 'e')
	}
	dst = mark(dst, "6:scrape", g.scrape)
	dst = pair(dst, "6:target", g.target)
	dst = pair(dst, "5:token", g.token)
	if g.want4 || g.want6 {
		dst = append(dst, "4:wantl"...)
		if g.want4 {
			dst = append(dst, "2:n4"...)
		}
		if g.want6 {
			dst = append(dst, "2:n6"...)
		}
		dst = append(dst, 'e')
	}
	return append(dst, 'e')
}

func (p *reply) append(dst, id []byte) []byte {
	dst = pair(append(dst, 'd'), "4:BFpe", p.bfpe)
	dst = pair(dst, "4:BFsd", p.bfsd)
	dst = pair(dst, "2:id", id)
	if p.hasNodes {
		dst = str(append(dst, "5:nodes"...), p.nodes)
	}
	if p.hasNodes6 {
		dst = str(append(dst, "6:nodes6"...), p.nodes6)
	}
	dst = pair(dst, "5:token", p.token)
	if len(p.peers4)+len(p.peers6) > 0 {
		dst = append(dst, "6:valuesl"...)
		for v := p.peers4; len(v) > 0; v = v[peer4Len:] {
			dst = str(dst, v[:peer4Len])
		}
		for v := p.peers6; len(v) > 0; v = v[peer6Len:] {
			dst = str(dst, v[:peer6Len])
		}
		dst = append(dst, 'e')
	}
	return append(dst, 'e')
}

// pair writes an encoded key and a string, or nothing when the string is absent.
func pair(dst []byte, key string, s []byte) []byte {
	if s == nil {
		return dst
	}
	return str(append(dst, key...), s)
}

func str(dst, s []byte) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}

func mark(dst []byte, key string, yes bool) []byte {
	if !yes {
		return dst
	}
	return append(append(dst, key...), "i1e"...)
}
