//! Asks the sources of a profile again and again, and says what follows.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use mapioffline::State;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::board::Board;
use super::config::Profile;
use super::health::{Answer, Health};
use super::keeper::Event;
use super::probe::probe;
use super::tls::Trust;
use crate::output::shown;

/// How often a profile without sources looks whether the fleet's server has answered.
const LOOK: Duration = Duration::from_millis(50);

/// Where the results go.
pub(crate) struct To {
    pub(crate) keeper: Sender<Event>,
    pub(crate) board: Arc<Board>,
}

/// Asks until it is dropped. Each source is asked once at a time.
pub(crate) async fn watch(name: String, profile: Profile, trust: Arc<Trust>, to: To) {
    let profile = Arc::new(profile);
    if profile.sources.is_empty() {
        // Only a fleet decides. Otherwise the profile is as every one begins: when the server has answered, or could not be reached.
        while !to.board.is_fleet_known() {
            sleep(LOOK).await;
        }
        let why = "no instruction of the fleet is in force".to_owned();
        drop(to.keeper.send(Event::NoSources { profile: name, why }));
        return;
    }
    let mut health: Vec<Health> = vec![Health::default(); profile.sources.len()];
    let mut verdict = None;
    let mut asked = JoinSet::new();
    for index in 0..health.len() {
        // Many profiles do not ask all at once.
        let first =
            profile.timing.interval.min(Duration::from_secs(5)).mul_f64(profile.timing.jitter * fastrand::f64());
        asked.spawn(ask(index, first, Arc::clone(&profile), Arc::clone(&trust)));
    }
    while let Some(done) = asked.join_next().await {
        // A panic has ended the process.
        let Ok((index, answer, took)) = done else { continue };
        let source = &profile.sources[index];
        let answer = match answer {
            Ok(answer) => answer,
            Err(words) => {
                warn!(profile = %shown(&name), source = %source, "{source} cannot be asked now: {}", shown(&words));
                let pause = profile.timing.pause(false, 0, fastrand::f64());
                asked.spawn(ask(index, pause, Arc::clone(&profile), Arc::clone(&trust)));
                continue;
            }
        };
        match &answer {
            Ok(words) => debug!(profile = %shown(&name), source = %source, "there: {}", shown(words)),
            Err(words) => debug!(profile = %shown(&name), source = %source, "away: {}", shown(words)),
        }
        let is_success = answer.is_ok();
        let has_changed = health[index].take(answer, profile.timing.thresholds);
        let is_away = health[index].is_there() == Some(false);
        to.board.change(&name, |status| {
            if let Some(source) = status.sources.get_mut(index) {
                source.take(is_success, health[index].is_there(), health[index].words(), took);
            }
        });
        if has_changed {
            let what = if is_away { "away" } else { "there" };
            let words = health[index].words();
            info!(profile = %shown(&name), source = %source, "{source} is {what}: {}", shown(&words));
            let now = profile.rule.verdict(health.iter());
            if now.is_some() && now != verdict {
                verdict = now;
                if let Some(state) = now {
                    let why = reason(&profile, &health, state);
                    to.board.change(&name, |status| status.verdict = Some(state == State::Online));
                    // Fails only when the agent is ending.
                    drop(to.keeper.send(Event::Verdict { profile: name.clone(), state, why }));
                }
            }
        }
        let pause = profile.timing.pause(is_away, health[index].failures(), fastrand::f64());
        asked.spawn(ask(index, pause, Arc::clone(&profile), Arc::clone(&trust)));
    }
}

async fn ask(
    index: usize,
    pause: Duration,
    profile: Arc<Profile>,
    trust: Arc<Trust>,
) -> (usize, Result<Answer, String>, Duration) {
    sleep(pause).await;
    let begun = Instant::now();
    let answer = probe(&profile.sources[index], profile.timing.timeout, &trust).await;
    (index, answer, begun.elapsed())
}

/// Says which sources decide, and what they answer.
fn reason(profile: &Profile, health: &[Health], state: State) -> String {
    let decides = |health: &Health| health.is_there() == Some(state == State::Online);
    let sources = profile.sources.iter().zip(health).filter(|(_, health)| decides(health));
    let list: Vec<String> = sources.map(|(source, health)| format!("{source}: {}", health.words())).collect();
    list.join("; ")
}

#[cfg(test)]
mod tests {
    use super::super::health::Thresholds;
    use super::*;

    #[test]
    fn the_reason_names_the_sources_that_decide() {
        let settings = toml::from_str("sources = [\"tcp://127.0.0.1:1\", \"interface\"]\ninterval = \"1s\"\n");
        let config = super::super::config::Config::of("A", &settings.unwrap(), None, None).unwrap();
        let thresholds = Thresholds { failures: 1, successes: 1 };
        let mut health = [Health::default(), Health::default()];
        health[0].take(Err("the connection was refused".to_owned()), thresholds);
        health[1].take(Ok("interface eth0 has the address 192.0.2.1".to_owned()), thresholds);
        let profile = &config.profiles["A"];
        assert_eq!(reason(profile, &health, State::Offline), "tcp://127.0.0.1:1: the connection was refused");
        let online = "interface: interface eth0 has the address 192.0.2.1";
        assert_eq!(reason(profile, &health, State::Online), online);
    }
}
