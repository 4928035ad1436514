package rpc

import (
	"encoding/base64"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

func seconds(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

func torrentAdd(c *call, b []byte) ([]byte, error) {
	a, err := c.newTorrent()
	if err != nil {
		return b, err
	}
	e, added, err := c.s.engine.Add(c.ctx, a)
	if err != nil {
		return b, addError(err, isURL(a.Source))
	}
	b = append(b, '{')
	if added {
		b = c.key(b, "torrent_added", "torrent-added")
	} else {
		b = c.key(b, "torrent_duplicate", "torrent-duplicate")
	}
	b = c.key(append(b, '{'), "hash_string", "hashString")
	b = appendString(b, e.ID.String())
	b = appendInt(c.key(b, "id", "id"), e.Number)
	b = appendString(c.key(b, "name", "name"), e.Name)
	return append(b, "}}"...), nil
}

// newTorrent reads the arguments of torrent_add.
func (c *call) newTorrent() (a status.NewTorrent, err error) {
	if err := c.source(&a); err != nil {
		return a, err
	}
	if v := c.arg("download_dir"); v != nil && !v.isNull() && string(v) != `""` {
		if a.Dir, err = folder(v); err != nil {
			return a, err
		}
	}
	a.Cookies, _ = c.arg("cookies").str()
	if len(a.Cookies) > maxCookies || strings.ContainsAny(a.Cookies, "\r\n\x00") {
		return a, wrong("cookies", "one line")
	}
	s, err := c.s.engine.Settings(c.ctx)
	if err != nil {
		return a, err
	}
	if a.Stopped, err = c.flag("paused", s.AddStopped); err != nil {
		return a, err
	}
	if a.First, err = c.flag("shoal_first", false); err != nil {
		return a, err
	}
	x := edit{e: &status.Entry{}, add: true}
	err = c.edits(&x)
	a.Change = x.Change
	return a, err
}

const (
	maxCookies = 4096
	maxSource  = 64 << 10 // of a magnet link
)

// source finds out what filename or metainfo is.
func (c *call) source(a *status.NewTorrent) error {
	if v := c.arg("metainfo"); len(v) > len(`""`) && !v.isNull() {
		text, _ := v.str()
		text = strings.Map(func(r rune) rune {
			if r == '\n' || r == '\r' || r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, text)
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(raw) == 0 {
			return errCorrupt
		}
		a.Metainfo = raw
		return nil
	}
	name, ok := c.arg("filename").str()
	name = strings.TrimSpace(name)
	if !ok || name == "" {
		return errNoSource
	}
	if len(name) > maxSource || strings.ContainsRune(name, 0) {
		return wrong("filename", "a magnet link, an info hash, a URL or a path")
	}
	a.Source = name
	_, err := metainfo.ParseID(name)
	switch {
	case metainfo.IsMagnet(name), isURL(name), err == nil:
		return nil
	case !c.local:
		return errLocal
	case !filepath.IsAbs(name):
		return wrong("filename", "an absolute path")
	}
	a.Local = true
	return nil
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (strings.EqualFold(u.Scheme, "http") || strings.EqualFold(u.Scheme, "https")) && u.Host != ""
}
