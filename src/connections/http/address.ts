/** Which hosts only this network or this machine reaches, by how they are written. What a name resolves to is not known here. */

/** Two or more labels, the last of which begins with a letter, so that no spelling of an address is one. */
const HOST_NAME =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
/** Names that no public server has: RFC 6761, 6762, 7686, 8375, 9476, and what private networks use. */
const RESERVED =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|private|corp|home|lan|svc|cluster|consul|docker|workgroup|arpa|test|example|invalid|onion|alt)$/;
/** Public names that resolve to the address that is written in them, or to this machine. */
const POINTS_INSIDE =
  /(?:^|\.)(?:nip\.io|sslip\.io|xip\.io|traefik\.me|localtest\.me|lvh\.me|vcap\.me|lacolhost\.com|localhost\.direct|local\.gd|localho\.st|backname\.io|1u\.ms|rbndr\.us)$/;
const IPV4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** The blocks of IPv4 that are not global (IANA, "IPv4 Special-Purpose Address Registry"), with multicast, the reserved rest, and an address that only looks public. */
const SPECIAL_IPV4: readonly (readonly [network: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Where a virtual machine in Azure is told about itself.
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];

const toNumber = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

function isSpecialIpv4(address: string): boolean {
  const value = toNumber(address);
  return SPECIAL_IPV4.some(([network, bits]) => {
    const size = 2 ** (32 - bits);
    return Math.floor(value / size) === Math.floor(toNumber(network) / size);
  });
}

/** Everything but global unicast, of which blocks are left out that embed IPv4 addresses or are for documentation. */
function isSpecialIpv6(address: string): boolean {
  const [first = '', second = ''] = address.split(':');
  const [head, next] = [Number.parseInt(first || '0', 16), Number.parseInt(second || '0', 16)];
  if (head < 0x2000 || head > 0x3fff) return true;
  return head === 0x2002 || head === 0x3fff || (head === 0x2001 && (next < 0x200 || next === 0x0db8));
}

/** Whether a host is this machine, in the form in which `URL` has it. */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname === '[::1]' || (IPV4.test(hostname) && hostname.startsWith('127.'));

/**
 * Whether a host must not be reached unless the operator allows it.
 * @param hostname as `URL` has it: that reads addresses in any spelling (decimal, octal, hexadecimal, full-width), and
 * writes them in one
 */
export function isInternalHost(hostname: string): boolean {
  if (hostname.startsWith('[')) return isSpecialIpv6(hostname.slice(1, -1));
  if (IPV4.test(hostname)) return isSpecialIpv4(hostname);
  return !HOST_NAME.test(hostname) || RESERVED.test(hostname) || POINTS_INSIDE.test(hostname);
}
