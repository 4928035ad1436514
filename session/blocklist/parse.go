package blocklist

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// What Parse fails with, besides errors of the reader.
var (
	ErrTooLarge = errors.New("the blocklist is too large")
	ErrNothing  = errors.New("the blocklist has no rule that can be read")
)

// Limits bound what Parse takes. Zero values mean the default of each.
type Limits struct {
	Input   int64 // bytes as they come; 64 MiB
	Decoded int64 // bytes after gzip; 512 MiB, and never more than a hundred times what came
	Rules   int   // 4,000,000
}

const (
	maxRatio = 100
	// ratioFree is what may come out of gzip before the ratio counts.
	ratioFree = 1 << 20
	// maxLine is the longest line that is read; longer ones are bad.
	maxLine  = 16 << 10
	examples = 5
)

func (l *Limits) setDefaults() {
	if l.Input <= 0 {
		l.Input = 64 << 20
	}
	if l.Decoded <= 0 {
		l.Decoded = 512 << 20
	}
	if l.Rules <= 0 {
		l.Rules = 4_000_000
	}
}

// Report is what Parse found.
type Report struct {
	Rules   int // lines that block something
	Allowed int // lines of a DAT file whose level lets their range pass: they block nothing
	Bad     int // lines that could not be read
	// Examples are the numbers of the first bad lines, each with what is wrong with it. Nothing of the lines themselves is in them: who may
	// read a log is not always one who may read what the list's address leads to.
	Examples []string
}

// Parse reads a list, compressed by gzip or not. Each line is one rule, and each may be of another kind:
//
//	name:1.2.3.4-1.2.3.5                    P2P (PeerGuardian's text); the name may have colons
//	001.002.003.004 - 001.002.003.255 , 000 , name    DAT (eMule); levels from 127 on let pass
//	1.2.3.0/24   1.2.3.4   2001:db8::/32    CIDR and single addresses
//
// Empty lines and those that begin with #, ; or // say nothing. Lines that cannot be read are passed over; it fails if all are, if
// the reader does, or if a limit is exceeded, and then there is no list: half of one is in force nowhere.
func Parse(r io.Reader, lim Limits) (*List, Report, error) {
	lim.setDefaults()
	in := &counter{r: r, left: lim.Input}
	br := bufio.NewReaderSize(in, maxLine)
	switch magic, _ := br.Peek(4); {
	case bytes.HasPrefix(magic, []byte("PK\x03\x04")):
		return nil, Report{}, fmt.Errorf("%w: it is a zip archive; unpack it first", ErrNothing)
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, Report{}, fmt.Errorf("the blocklist is compressed, but damaged: %w", err)
		}
		br = bufio.NewReaderSize(&inflated{z: z, in: in, left: lim.Decoded}, maxLine)
	}
	p := parser{lim: lim}
	if err := p.lines(br); err != nil {
		return nil, p.report, err
	}
	if p.report.Rules+p.report.Allowed == 0 {
		return nil, p.report, fmt.Errorf("%w%s", ErrNothing, p.why())
	}
	return &List{v4: merged(p.v4, compare4, next4), v6: merged(p.v6, compare6, next6)}, p.report, nil
}

// counter fails when more than left bytes come.
type counter struct {
	r          io.Reader
	read, left int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.read += int64(n)
	if c.left -= int64(n); c.left < 0 {
		return 0, fmt.Errorf("%w: over %d bytes came", ErrTooLarge, c.read+c.left)
	}
	return n, err
}

// inflated fails when gzip makes too much of what came.
type inflated struct {
	z          *gzip.Reader
	in         *counter
	read, left int64
}

func (i *inflated) Read(b []byte) (int, error) {
	n, err := i.z.Read(b)
	i.read += int64(n)
	if i.left -= int64(n); i.left < 0 {
		return 0, fmt.Errorf("%w: over %d bytes unpacked", ErrTooLarge, i.read+i.left)
	}
	if i.read > ratioFree && i.read > maxRatio*i.in.read {
		return 0, fmt.Errorf("%w: %d bytes unpack to more than %d times as many", ErrTooLarge, i.in.read, maxRatio)
	}
	if err != nil && err != io.EOF && !errors.Is(err, ErrTooLarge) {
		err = fmt.Errorf("the blocklist is compressed, but damaged: %w", err)
	}
	return n, err
}

// parser collects the rules of one list.
type parser struct {
	lim    Limits
	report Report
	page   bool // the first line begins like a web page's
	v4     []span[uint32]
	v6     []span[wide]
}

func (p *parser) lines(br *bufio.Reader) error {
	for number := 1; ; number++ {
		b, err := br.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		start := b
		if long {
			start = bytes.Clone(b[:80]) // the rest comes into the same buffer
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = br.ReadSlice('\n')
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("reading the blocklist at line %d: %w", number, err)
		}
		if number == 1 {
			start = bytes.TrimPrefix(start, []byte("\xef\xbb\xbf"))
			p.page = bytes.HasPrefix(bytes.TrimSpace(start), []byte("<"))
		}
		if fault := p.line(start, long); fault != "" {
			p.report.Bad++
			if len(p.report.Examples) < examples {
				p.report.Examples = append(p.report.Examples, fmt.Sprintf("line %d: %s", number, fault))
			}
		}
		if p.report.Rules > p.lim.Rules {
			return fmt.Errorf("%w: over %d rules", ErrTooLarge, p.lim.Rules)
		}
		if err == io.EOF {
			return nil
		}
	}
}

// line takes one line in and says what is wrong with it, "" for nothing.
func (p *parser) line(b []byte, long bool) (fault string) {
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] == '#' || b[0] == ';' || bytes.HasPrefix(b, []byte("//")) {
		return ""
	}
	if long {
		return "too long"
	}
	r, blocks, ok := parseLine(b)
	switch {
	case !ok:
		return "no range of addresses"
	case !blocks:
		p.report.Allowed++
	case r.is6:
		p.report.Rules++
		p.v6 = append(p.v6, r.v6)
	default:
		p.report.Rules++
		p.v4 = append(p.v4, r.v4)
	}
	return ""
}

// why tells how many lines were bad, for a list of nothing else.
func (p *parser) why() string {
	if p.report.Bad == 0 {
		return ": it is empty"
	}
	page := ""
	if p.page {
		page = "; it looks like a web page"
	}
	return fmt.Sprintf(" in %d lines%s", p.report.Bad, page)
}
