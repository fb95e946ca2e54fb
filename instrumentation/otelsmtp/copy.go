package otelsmtp

import "github.com/emersion/go-smtp"

// copyOf returns a server that is set up as s is.
func copyOf(s *smtp.Server) *smtp.Server {
	c := smtp.NewServer(s.Backend)
	c.Network = s.Network
	c.Addr = s.Addr
	c.TLSConfig = s.TLSConfig
	c.LMTP = s.LMTP
	c.Domain = s.Domain
	c.MaxRecipients = s.MaxRecipients
	c.MaxMessageBytes = s.MaxMessageBytes
	c.MaxLineLength = s.MaxLineLength
	c.AllowInsecureAuth = s.AllowInsecureAuth
	c.Debug = s.Debug
	c.ErrorLog = s.ErrorLog
	c.ReadTimeout = s.ReadTimeout
	c.WriteTimeout = s.WriteTimeout
	c.EnableSMTPUTF8 = s.EnableSMTPUTF8
	c.EnableREQUIRETLS = s.EnableREQUIRETLS
	c.EnableBINARYMIME = s.EnableBINARYMIME
	c.EnableDSN = s.EnableDSN
	c.EnableRRVS = s.EnableRRVS
	c.EnableDELIVERBY = s.EnableDELIVERBY
	c.MinimumDeliverByTime = s.MinimumDeliverByTime
	c.EnableMTPRIORITY = s.EnableMTPRIORITY
	c.MtPriorityProfile = s.MtPriorityProfile
	return c
}
