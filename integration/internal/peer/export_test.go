package peer

// Crash ends the Collector without the package knowing.
func (c *Collector) Crash() { c.run.kill() }

// Crash ends Prometheus without the package knowing.
func (p *Prometheus) Crash() { p.run.kill() }
