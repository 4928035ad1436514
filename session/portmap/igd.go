package portmap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/huin/goupnp"
	"github.com/huin/goupnp/soap"

	"shoal/internal/text"
)

// The services of a router that map ports, best first.
var services = []string{
	"urn:schemas-upnp-org:service:WANIPConnection:2",
	"urn:schemas-upnp-org:service:WANIPConnection:1",
	"urn:schemas-upnp-org:service:WANPPPConnection:1",
}

// maxServices bounds the services of one router that are tried.
const maxServices = 4

// igd is a router that speaks UPnP: one connection service of it.
type igd struct {
	*near
	soap      *soap.SOAPClient
	service   string
	permanent bool // it refuses mappings that end by themselves
}

// describe reads a router's description and returns its connection services.
func describe(ctx context.Context, n Net, location *url.URL) ([]*igd, error) {
	router, err := netip.ParseAddr(location.Hostname())
	if err != nil {
		return nil, errElsewhere
	}
	c := newNear(n, router)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, location.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, brief(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the router answers %d", resp.StatusCode)
	}
	b, err := io.ReadAll(resp.Body) // RoundTrip has bounded it
	if err != nil {
		return nil, err
	}
	return c.parse(b, location)
}

func (c *near) parse(b []byte, location *url.URL) (out []*igd, err error) {
	var root goupnp.RootDevice
	d := newDecoder(b)
	d.DefaultSpace = goupnp.DeviceXMLNamespace
	if err := d.Decode(&root); err != nil {
		return nil, brief(err)
	}
	base := location
	if root.URLBaseStr != "" {
		if base, err = url.Parse(strings.TrimSpace(root.URLBaseStr)); err != nil {
			return nil, brief(err)
		}
	}
	root.SetURLBase(base)
	for _, kind := range services {
		for _, s := range root.Device.FindService(kind) {
			if !s.ControlURL.Ok || c.allowed(&s.ControlURL.URL) != nil || len(out) == maxServices {
				continue
			}
			client := s.NewSOAPClient()
			client.HTTPClient = c.http
			out = append(out, &igd{near: c, soap: client, service: kind})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("the router has no service that maps ports, or not at its own address")
	}
	return out, nil
}

func (*igd) method() string { return "UPnP" }

func (g *igd) external(ctx context.Context) (netip.Addr, error) {
	var out struct{ NewExternalIPAddress string }
	if err := g.call(ctx, "GetExternalIPAddress", &struct{}{}, &out); err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(strings.TrimSpace(out.NewExternalIPAddress))
	if err != nil {
		return netip.Addr{}, errors.New("UPnP: the router names no address")
	}
	return a.Unmap(), nil
}

// Error codes of AddPortMapping (WANIPConnection:2, section 2.5.17).
const (
	badArguments  = 402
	actionFailed  = 501
	conflict      = 718
	samePorts     = 724
	onlyPermanent = 725
)

func (g *igd) add(ctx context.Context, proto protocol, internal, external uint16, lease time.Duration) (grant, error) {
	for {
		seconds := int64(lease / time.Second)
		if g.permanent {
			seconds = 0
		}
		err := g.call(ctx, "AddPortMapping", &struct {
			NewRemoteHost, NewExternalPort, NewProtocol, NewInternalPort, NewInternalClient,
			NewEnabled, NewPortMappingDescription, NewLeaseDuration string
		}{"", number(external), proto.upnp(), number(internal), g.local.Load().String(), "1", "shoal", strconv.FormatInt(seconds, 10)}, nil)
		var said upnpError
		if errors.As(err, &said) {
			switch {
			case (said == onlyPermanent || said == badArguments) && !g.permanent:
				g.permanent = true
				continue
			case said == conflict, said == actionFailed, said == samePorts:
				err = fmt.Errorf("%w: %w", errTaken, err)
			}
		}
		return grant{external, lease}, err
	}
}

func (g *igd) remove(ctx context.Context, proto protocol, _, external uint16) error {
	return g.call(ctx, "DeletePortMapping", &struct{ NewRemoteHost, NewExternalPort, NewProtocol string }{"", number(external), proto.upnp()}, nil)
}

func (g *igd) call(ctx context.Context, action string, in, out any) error {
	return brief(g.soap.PerformActionCtx(ctx, g.service, action, in, out))
}

// upnpError is the code of a SOAP fault.
type upnpError int

func (e upnpError) Error() string {
	return fmt.Sprintf("UPnP: the router refuses with code %d", int(e))
}

// brief keeps of an error what is short and known: the library puts whole replies into its own.
func brief(err error) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*soap.SOAPFaultError](err); ok {
		return upnpError(fault.Detail.UPnPError.Errorcode)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("UPnP: %s", text.Clean(err.Error(), 160))
}

func number(port uint16) string { return strconv.Itoa(int(port)) }
