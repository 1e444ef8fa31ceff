import { readdirSync, readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';

/** What the benchmark needs to know of the machine, read from /proc (Linux, proc(5)). */

/** Of the machine's CPU: more than this used by other processes, or taken by the hypervisor, spoils the figures. */
const MAX_FOREIGN = 0.12;
const MAX_STOLEN = 0.02;
/** Runnable processes per core before the benchmark starts. */
const MAX_LOAD = 0.5;
const TICKS_PER_S = 100;
const OBSERVE_MS = 2000;
/** Numbers of statfs(2) of the file systems that a figure is likely to be measured on. */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  61267: 'ext4',
  16914836: 'tmpfs',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  2035054128: 'overlayfs',
  801189825: 'zfs',
};

/** CPU time in seconds since the machine was started. */
interface MachineTime {
  readonly at: number;
  readonly busy: number;
  readonly stolen: number;
}

function machineTime(): MachineTime {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = first
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return {
    at: performance.now() / 1000,
    busy: (user + nice + system + irq + softirq) / TICKS_PER_S,
    stolen: steal / TICKS_PER_S,
  };
}

/** CPU time of all threads of a process in nanoseconds (field 1 of schedstat). */
export function cpuNanoseconds(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => {
    const [ran = '0'] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return sum + Number(ran);
  }, 0);
}

/** Bytes that a process passed to write(2) and its kin: files, log and sockets. */
export function bytesWritten(pid: number): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

/** Resident memory of a process in MiB, now and at its peak. */
export const residentMiB = (pid: number) => memoryMiB(pid, 'VmRSS');
export const peakMiB = (pid: number) => memoryMiB(pid, 'VmHWM');

function memoryMiB(pid: number, field: string): number {
  const lines = readFileSync(`/proc/${pid}/status`, 'utf8').split('\n');
  return Number(/\d+/.exec(lines.find((line) => line.startsWith(field)) ?? '')?.[0]) / 1024;
}

/** The file system that a path is on, by name where it is a usual one. */
export async function fileSystemOf(path: string): Promise<string> {
  const { type } = await statfs(path);
  return FILE_SYSTEMS[type] ?? `file system 0x${type.toString(16)}`;
}

export function describeMachine(): string {
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`;
}

/** Parts of the machine's CPU time, from 0 to 1. */
export interface MachineUse {
  /** Used by processes that do not belong to the benchmark, and by the kernel for its own threads. */
  readonly foreign: number;
  /** Taken by the hypervisor. */
  readonly stolen: number;
}

/** Observes how much of the machine is used by anything but the processes of the benchmark. */
export class MachineWatch {
  readonly #begun = machineTime();
  readonly #ownBegun = ownSeconds([]);

  /** @param pids of the children that run; `endedSeconds` is the CPU time of those that have ended */
  use(pids: readonly number[], endedSeconds: number): MachineUse {
    const now = machineTime();
    const available = (now.at - this.#begun.at) * availableParallelism();
    const own = ownSeconds(pids) - this.#ownBegun + endedSeconds;
    return {
      foreign: Math.max(0, (now.busy - this.#begun.busy - own) / available),
      stolen: (now.stolen - this.#begun.stolen) / available,
    };
  }
}

/** Such as `other processes used 1.2 % of the CPU, the hypervisor took 0.0 %`. */
export function describeUse({ foreign, stolen }: MachineUse): string {
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  return `other processes used ${percent(foreign)} of the CPU, the hypervisor took ${percent(stolen)}`;
}

/** Whether the machine was too busy for its figures to mean anything. */
export function isBusy({ foreign, stolen }: MachineUse): boolean {
  return foreign > MAX_FOREIGN || stolen > MAX_STOLEN;
}

function ownSeconds(pids: readonly number[]): number {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1e6 + pids.reduce((sum, pid) => sum + cpuNanoseconds(pid) / 1e9, 0);
}

/** Why the machine is too busy to begin, observed over two seconds; undefined when it is idle. */
export async function busyReason(): Promise<string | undefined> {
  const [load = 0] = loadavg();
  const watch = new MachineWatch();
  await new Promise((resolve) => setTimeout(resolve, OBSERVE_MS));
  const use = watch.use([], 0);
  const isLoaded = load / availableParallelism() > MAX_LOAD;
  if (!isLoaded && !isBusy(use)) return undefined;
  return `the load average is ${load.toFixed(2)}, ${describeUse(use)}`;
}
