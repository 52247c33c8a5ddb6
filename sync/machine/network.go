package machine

// What NetworkManager says: https://networkmanager.dev/docs/api/latest/nm-dbus-types.html
const (
	nmStateUnknown       = 0
	nmStateConnectedSite = 60 // and above: there is a way out of the local network
	nmConnectivityNone   = 1
	nmConnectivityPortal = 2
	nmMeteredYes         = 1
	nmMeteredGuessYes    = 3
)

// networkManager is the properties of NetworkManager that matter; the zero value
// is one that does not run.
type networkManager struct {
	state, connectivity, metered uint32
	primary                      string // object path of the primary connection, "/" without one
}

// networkd is those of systemd-networkd.
type networkd struct {
	operational string // of the best link: routable, degraded, carrier … or ""
}

// judge sums up what the two say. NetworkManager alone knows of captive portals
// and of meters; but it calls a network missing that others manage, so networkd
// is asked before that is believed.
func judge(nm networkManager, nd networkd) Network {
	n := Network{Online: true}
	n.Metered = nm.metered == nmMeteredYes || nm.metered == nmMeteredGuessYes
	if nm.primary != "/" {
		n.Link = nm.primary
	}
	routable := nd.operational == "routable"
	switch {
	case nm.state == nmStateUnknown:
		n.Online = nd.operational == "" || routable
	case nm.connectivity == nmConnectivityPortal:
		n.Online = false
	case nm.state < nmStateConnectedSite || nm.connectivity == nmConnectivityNone:
		n.Online = routable
	}
	return n
}
