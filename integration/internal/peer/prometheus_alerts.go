package peer

// Alert is an alert that is pending or firing.
type Alert struct {
	Labels      map[string]string // its name under alertname
	Annotations map[string]string
	State       string // pending, firing
}

// Alerts returns all alerts of the rules, in no particular order.
func (p *Prometheus) Alerts() []Alert {
	p.t.Helper()
	var data struct{ Alerts []Alert }
	p.get("alerts", nil, &data)
	return data.Alerts
}
