//! `zabbix-vsphere-import`: against what goes wrong ([`failures`]), and in a real vPoller and Zabbix of both series ([`real`]).

mod bed;
mod errors;
mod failures;
mod frontend;
mod hostile;
mod real;
mod run;
